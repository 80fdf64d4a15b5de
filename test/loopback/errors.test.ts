// Errors from one end to the other: what a storage throws is what the caller catches, by code.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Content,
  generated,
  get,
  put,
  type ServerEvent,
  TftpError,
  type TftpErrorCode,
} from "../../src/index.ts";
import { failure, noise, pair } from "./pair.ts";

const timeout = 30_000;

const codes: readonly (readonly [thrown: TftpErrorCode, wireCode: number, seen: TftpErrorCode])[] =
  [
    ["FILE_NOT_FOUND", 1, "FILE_NOT_FOUND"],
    ["ACCESS_VIOLATION", 2, "ACCESS_VIOLATION"],
    ["DISK_FULL", 3, "DISK_FULL"],
    ["TOO_LARGE", 3, "DISK_FULL"],
    ["ILLEGAL_OPERATION", 4, "ILLEGAL_OPERATION"],
    ["FILE_EXISTS", 6, "FILE_EXISTS"],
    ["NO_SUCH_USER", 7, "NO_SUCH_USER"],
    ["OPTIONS_REFUSED", 8, "OPTIONS_REFUSED"],
    ["BUSY", 0, "UNDEFINED"],
    ["UNDEFINED", 0, "UNDEFINED"],
  ];

for (const [code, wireCode, seen] of codes) {
  test(`a handler's ${code} arrives as ERROR ${wireCode}`, { timeout }, async (t) => {
    const handler = (): Content => {
      throw new TftpError(code, "because of this");
    };
    const { url } = await pair(t, { storage: generated(handler) });
    const thrown = await failure(get(url("x")).bytes());
    assert.equal(thrown.code, seen);
    assert.equal(thrown.wireCode, wireCode);
    assert.equal(thrown.origin, "remote");
    assert.match(thrown.message, /because of this/);
    assert.ok(thrown.hint);
  });
}

test("what else a handler throws stays in the server", { timeout }, async (t) => {
  let refused = (_: ServerEvent): void => {};
  const event = new Promise<ServerEvent>((resolve) => {
    refused = resolve;
  });
  const { url } = await pair(t, {
    storage: generated(() => {
      throw new Error("password is 1234");
    }),
    onEvent: (event) => event.kind === "refused" && refused(event),
  });
  const thrown = await failure(get(url("x"), { plain: true }).bytes());
  assert.doesNotMatch(thrown.message, /1234/);
  assert.equal(thrown.wireCode, 0);
  const seen = await event;
  assert.ok(seen.kind === "refused" && seen.error.code === "STORAGE");
  assert.match(String(seen.error.cause), /1234/);
});

test("content that fails in the middle ends the transfer with its error", {
  timeout,
}, async (t) => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 100; count++) yield noise(1000);
    throw new TftpError("ACCESS_VIOLATION", "no more for you");
  }
  const { url, events } = await pair(t, { storage: generated(() => broken()) });
  const thrown = await failure(get(url("x"), { windowsize: 4, blksize: 512 }).bytes());
  assert.equal(thrown.code, "ACCESS_VIOLATION");
  assert.equal(thrown.origin, "remote");
  const ended = events.find((event) => event.kind === "ended");
  assert.ok(ended?.kind === "ended" && ended.ending === "failed");
  assert.equal(ended.error?.origin, "local");
});

test("a missing file and a forbidden upload have codes of their own", { timeout }, async (t) => {
  const { url } = await pair(t, { storage: generated(() => undefined) });
  assert.equal((await failure(get(url("x")).bytes())).code, "FILE_NOT_FOUND");
  assert.equal((await failure(put(url("x"), noise(3)))).code, "ACCESS_VIOLATION");
});

test("a loop over a missing file throws", { timeout }, async (t) => {
  const { url } = await pair(t);
  await assert.rejects(
    async () => {
      for await (const _ of get(url("missing"))) assert.fail("there is no content");
    },
    { code: "FILE_NOT_FOUND" },
  );
});

test("an unknown host is a NETWORK error with a hint", { timeout }, async () => {
  const thrown = await failure(get("tftp://no-such-host.invalid/x").bytes());
  assert.equal(thrown.code, "NETWORK");
  assert.ok(thrown.hint);
});
