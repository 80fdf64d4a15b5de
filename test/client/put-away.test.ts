// What get and put were given is put away, also where they cannot begin.

import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";

const url = "tftp://127.0.0.1:9/f";
type Options = NonNullable<Parameters<typeof put>[2]>;

for (const [what, wrong] of [
  ["tap", { tap: { sent: "no function" } }],
  ["signal", { signal: "no signal" }],
  ["signal beside a tap", { signal: "no signal", tap: {} }],
] as const) {
  const options = wrong as unknown as Options;

  test(`put with a wrong ${what} closes its stream`, async () => {
    const body = new PassThrough();
    const closed = once(body, "close");
    await assert.rejects(put(url, body, options), TypeError);
    await closed;
  });

  test(`get with a wrong ${what} discards what its sink has`, async () => {
    const calls: string[] = [];
    const sink = {
      writev: async () => {},
      commit: async () => void calls.push("commit"),
      discard: async () => void calls.push("discard"),
    };
    await assert.rejects(get(url, options).into(sink), TypeError);
    assert.deepEqual(calls, ["discard"]);
  });
}
