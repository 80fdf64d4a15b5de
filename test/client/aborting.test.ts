// A signal ends what a client does before it has asked a server, and waits for nobody.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../src/client/ask.ts";
import type { ClientParts } from "../../src/client/attempt.ts";
import { put } from "../../src/index.ts";
import { wallClock } from "../../src/net/wall-clock.ts";
import type { Network } from "../../src/ports.ts";
import { failure } from "../loopback/pair.ts";

const timeout = 10_000;
const never = (): Promise<never> => new Promise(() => {});

test("a signal ends a text that is waited for, and lets its stream go", { timeout }, async () => {
  const stop = new AbortController();
  let left = 0;
  const stalled: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        stop.abort("why");
        return never();
      },
      return: async () => {
        left += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  const { signal } = stop;
  const thrown = await failure(put("tftp://127.0.0.1:9/x;mode=netascii", stalled, { signal }));
  assert.equal(thrown.code, "ABORTED");
  assert.equal(thrown.cause, "why");
  assert.equal(left, 1);
});

for (const step of ["resolve", "route"]) {
  test(`a signal ends ${step} where nobody answers`, { timeout }, async () => {
    const stop = new AbortController();
    const network: Pick<Network, "resolve" | "route"> = {
      resolve: async (host) => [host],
      route: never,
      [step]: () => {
        setImmediate(() => stop.abort("why"));
        return never();
      },
    };
    let discarded = 0;
    const sink = {
      writev: never,
      commit: never,
      discard: async () => void (discarded += 1),
    };
    const target = { host: "name", port: 69, filename: "f", mode: "octet" } as const;
    const { signal } = stop;
    const parts = { network, clock: wallClock } as unknown as ClientParts;
    const thrown = await failure(ask(parts, target, { op: "rrq", sink }, { signal }));
    assert.equal(thrown.code, "ABORTED");
    assert.equal(thrown.cause, "why");
    assert.equal(discarded, 1);
  });
}
