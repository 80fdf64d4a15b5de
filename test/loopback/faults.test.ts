// Callbacks of the caller that throw: the transfer ends on both sides, and the caller is thrown
// what they threw.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put, type TransferOptions } from "../../src/index.ts";
import { noise, type Pair, pair } from "./pair.ts";

const timeout = 30_000;
const size = 300_000;

function thrower(after: number): () => void {
  let calls = 0;
  return () => {
    calls += 1;
    if (calls > after) throw new RangeError("mine");
  };
}

type Options = Parameters<typeof put>[2] & TransferOptions;

const ways: readonly (readonly [string, (way: Pair, options: Options) => Promise<unknown>])[] = [
  ["bytes() of get", ({ url }, options) => get(url("big"), options).bytes()],
  [
    "a loop over get",
    async ({ url }, options) => {
      for await (const _ of get(url("big"), options));
    },
  ],
  ["put", ({ url }, options) => put(url("up"), noise(size), options)],
];

for (const [name, run] of ways) {
  for (const callback of ["onProgress", "sent", "received", "opened", "routed"]) {
    for (const after of callback === "opened" || callback === "routed" ? [0] : [0, 10]) {
      test(`${callback} throws after ${after} calls of ${name}`, { timeout }, async (t) => {
        const both = await pair(t);
        both.storage.files.set("big", noise(size));
        const call = { [callback]: thrower(after) };
        const options = { blksize: 1024, windowsize: 4 };
        const all = callback === "onProgress" ? { ...options, ...call } : { ...options, tap: call };
        await assert.rejects(run(both, all), new RangeError("mine"));
        // Nobody waits for a client that is gone.
        await both.server.close({ graceMillis: 60_000 });
        assert.equal(both.storage.files.has("up"), false);
      });
    }
  }

  test(`onProgress throws at the end of ${name}`, { timeout }, async (t) => {
    const both = await pair(t);
    both.storage.files.set("big", noise(size));
    const onProgress = ({ bytes }: { readonly bytes: number }): void => {
      if (bytes === size) throw new RangeError("mine");
    };
    await assert.rejects(run(both, { onProgress }), new RangeError("mine"));
  });
}
