import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../../src/storage/memory.ts";
import { fails, open, parts, readText, request, write } from "./scene.ts";

test("files are found by any spelling of their name", async () => {
  const storage = memory({ "/a/b.txt": "text", ".c": new Uint8Array([65]) });
  for (const name of ["a/b.txt", "/a//b.txt", "\\a\\b.txt", "x/../a/b.txt"]) {
    assert.equal(await readText(storage, name), "text");
  }
  assert.equal(await readText(storage, ".c"), "A");
  await fails(storage.openRead("a/c", request), "FILE_NOT_FOUND");
  await fails(storage.openRead("../a/b.txt", request), "ACCESS_VIOLATION");
});

test("a Map is copied, and its copy can be changed", async () => {
  const given = new Map([["x", Buffer.from("one")]]);
  const storage = memory(given);
  given.clear();
  assert.equal(await readText(storage, "x"), "one");
  storage.files.set("y", Buffer.from("two"));
  assert.equal(await readText(storage, "/y"), "two");
});

test("a name that no client can ask for is refused at once", () => {
  assert.throws(() => memory({ "": "x" }), { code: "INVALID_ARGUMENT" });
  assert.throws(() => memory({ "../x": "x" }), { code: "INVALID_ARGUMENT" });
});

test("equal versions have equal content", async () => {
  const storage = memory({ x: "one" });
  const version = async () => (await storage.openRead("x", request)).version;
  const first = await version();
  assert.ok(first);
  assert.equal(await version(), first);
  storage.files.set("x", Buffer.from("two"));
  assert.notEqual(await version(), first);
});

test("uploads are off unless they are asked for", async () => {
  await fails(open(memory(), "x"), "ACCESS_VIOLATION");
  assert.throws(() => memory({}, { uploads: "on" as "off" }), { code: "INVALID_ARGUMENT" });
});

test("an upload is visible at commit, whole, and its memory is its own", async () => {
  const storage = memory({}, { uploads: "create" });
  const sink = await open(storage, "/a\\x");
  const payloads = parts("content");
  await sink.writev(payloads);
  for (const payload of payloads) payload.fill(0);
  await sink.writev(parts(" and more"));
  assert.equal(storage.files.size, 0);
  await sink.commit();
  await sink.commit();
  await sink.discard();
  assert.deepEqual([...storage.files.keys()], ["a/x"]);
  assert.equal(await readText(storage, "a/x"), "content and more");
});

test("create keeps what is there, at open and at commit", async () => {
  const storage = memory({}, { uploads: "create" });
  const [one, two] = [await open(storage, "x"), await open(storage, "x")];
  await one.writev(parts("one"));
  await one.commit();
  await fails(two.commit(), "FILE_EXISTS");
  await fails(open(storage, "x"), "FILE_EXISTS");
  assert.equal(await readText(storage, "x"), "one");
});

test("a reader keeps the old version while overwrite replaces it", async () => {
  const storage = memory({ x: "old" }, { uploads: "overwrite" });
  const source = await storage.openRead("x", request);
  await write(storage, "x", "new");
  const bytes = Buffer.alloc(3);
  await source.readv([bytes], 0);
  assert.equal(bytes.toString(), "old");
  assert.equal(await readText(storage, "x"), "new");
});

test("a discarded upload leaves no trace", async () => {
  const storage = memory({ x: "old" }, { uploads: "overwrite" });
  const sink = await open(storage, "x");
  await sink.writev(parts("new"));
  await sink.discard();
  await fails(sink.commit(), "ABORTED");
  assert.equal(await readText(storage, "x"), "old");
});
