import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { type Content, type GeneratedRequest, generated } from "../../src/storage/generated.ts";
import { fails, readText, request } from "./scene.ts";

test("bytes, texts and streams are generated content", async () => {
  const bytes = Buffer.from("text");
  async function* stream() {
    yield bytes;
  }
  const contents: (() => Content)[] = [
    () => "text",
    () => bytes,
    () => [bytes.subarray(0, 1), bytes.subarray(1)],
    () => stream(),
    () => ({ body: "text" }),
    () => ({ body: bytes, size: 4 }),
    () => ({ body: stream(), size: 4 }),
  ];
  for (const content of contents) {
    assert.equal(await readText(generated(content), "x"), "text");
    assert.equal(
      await readText(
        generated(async () => content()),
        "x",
      ),
      "text",
    );
  }
});

test("the handler sees the request and the plain name", async () => {
  let seen: GeneratedRequest | undefined;
  const storage = generated((asked) => {
    seen = asked;
    return asked.name;
  });
  assert.equal(await readText(storage, "C:\\pxe//./a/../01-aa.cfg"), "pxe/01-aa.cfg");
  assert.deepEqual(seen, { ...request, name: "pxe/01-aa.cfg" });
});

test("a stream has no version, for nobody can share it", async () => {
  const storage = generated(() => ({ body: [new Uint8Array(5)], size: 5, version: "7" }));
  const source = await storage.openRead("x", request);
  assert.ok(!("version" in source));
  assert.equal(source.size, 5);
});

test("size and version are passed on, and nothing is made up", async () => {
  const versioned = generated(() => ({ body: "text", version: "7" }));
  const source = await versioned.openRead("x", request);
  assert.equal(source.size, 4);
  assert.equal(source.version, "7");
  assert.equal(await readText(versioned, "x"), "text");
  const plain = await generated(() => [Buffer.from("a")]).openRead("x", request);
  assert.ok(!("size" in plain) && !("version" in plain));
});

test("undefined is a missing file", async () => {
  await fails(generated(() => undefined).openRead("x", request), "FILE_NOT_FOUND");
});

test("a TftpError passes, any other error stays here", async () => {
  const busy = new TftpError("BUSY", "later");
  const storage = generated(({ name }) => {
    throw name === "busy" ? busy : new Error("password in here");
  });
  assert.equal(await fails(storage.openRead("busy", request), "BUSY"), busy);
  const error = await fails(storage.openRead("x", request), "STORAGE");
  assert.equal(error.message, "the content cannot be produced");
  assert.match(String(error.cause), /password/);
});

test("what is no content, or not of its size, is an error", async () => {
  const sizes = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "4", null];
  const sized = sizes.map((size) => ({ body: [Buffer.from("text")], size }));
  for (const wrong of [null, 7, {}, { body: 7 }, { body: "text", size: 5 }, ...sized]) {
    const opening = generated(() => wrong as Content).openRead("x", request);
    const error = await fails(opening, "STORAGE");
    assert.match(error.message, /^the content (cannot be produced|does not have)/);
  }
});

test("a stream of a wrong size is closed", async () => {
  const body = new PassThrough();
  await fails(generated(() => ({ body, size: Number.NaN })).openRead("x", request), "STORAGE");
  assert.equal(body.destroyed, true);
});

test("nothing can be written", async () => {
  await fails(generated(() => "x").openWrite("x", request), "ACCESS_VIOLATION");
});

test("an error of another copy of the library says the same to the client", async () => {
  class TftpError extends Error {
    override readonly name = "TftpError";
    readonly code = "ACCESS_VIOLATION";
    readonly hint = "Ask the owner.";
  }
  const storage = generated(() => {
    throw new TftpError("not for you");
  });
  await assert.rejects(storage.openRead("x", request), {
    ...{ code: "ACCESS_VIOLATION", message: "not for you", hint: "Ask the owner.", wireCode: 2 },
  });
  const unknown = generated(() => {
    throw Object.assign(new Error("secret"), { name: "TftpError", code: "constructor" });
  });
  await fails(unknown.openRead("x", request), "STORAGE");
});
