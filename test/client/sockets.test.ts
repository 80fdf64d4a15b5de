// What a client opens: nothing for what cannot be asked, and nothing that stays open.

import assert from "node:assert/strict";
import { test } from "node:test";
import { attempt } from "../../src/client/attempt.ts";
import { get, put, type TransferOptions } from "../../src/index.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { failure } from "../loopback/pair.ts";
import { HandClock, keptSocket } from "../transfer/fakes.ts";

const url = "tftp://127.0.0.1:9/x";

test("no socket is opened for an option out of range", async () => {
  const opened: unknown[] = [];
  const tap = { opened: (local: object) => void opened.push(local) };
  const wrong: readonly object[] = [{ rollover: 2 }, { rollover: "auto" }, { retries: "auto" }];
  for (const options of wrong as TransferOptions[]) {
    const thrown = await failure(get(url, { ...options, tap }).bytes());
    assert.equal(thrown.code, "INVALID_ARGUMENT");
    assert.match(thrown.hint ?? "", /whole number/);
  }
  for (const size of [-1, Number.NaN, 1.5, 1e18, Number.POSITIVE_INFINITY]) {
    for (const name of [url, `${url};mode=netascii`]) {
      const body = (async function* () {})();
      const thrown = await failure(put(name, body, { size, tap }));
      assert.equal(thrown.code, "INVALID_ARGUMENT", `${size}`);
      assert.match(thrown.message, /size/);
    }
  }
  assert.deepEqual(opened, []);
});

test("only bytes and streams can be put", async () => {
  for (const body of ["text", 7, null, undefined, {}, new ArrayBuffer(3)]) {
    const thrown = await failure(put(url, body as never));
    assert.equal(thrown.code, "INVALID_ARGUMENT");
    assert.match(thrown.hint ?? "", /Buffer\.from/);
  }
});

test("a socket is closed when nothing can be asked through it", async () => {
  let closed = 0;
  const socket = { ...keptSocket(), close: async () => void (closed += 1) };
  const server = { host: "192.0.2.9", port: 69 };
  const network = {
    open: async () => socket,
    resolve: async (host: string) => [host],
    route: async () => ({ host: "192.0.2.1", mtu: 1500, receiveBufferBytes: 200_000 }),
    mtu: async () => 1500,
  };
  const asked = attempt(
    { clock: new HandClock(), network, random: () => 0 },
    {
      server,
      target: { ...server, filename: "f", mode: "octet" },
      cargo: { op: "wrq", source: bytesSource(Buffer.alloc(3)) },
      options: {},
      offer: { blksize: 1 },
      attempts: 0,
    },
  );
  await assert.rejects(asked, { code: "INVALID_ARGUMENT" });
  assert.equal(closed, 1);
});
