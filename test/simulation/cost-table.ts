// What a transfer costs: DATA sent for each block, ACKs for each window, and virtual time.

import type { Conditions } from "./line.ts";
import { Pair, type Scenario } from "./pair.ts";

export const windows = [1, 4, 16, 64] as const;

const clean: Conditions = { latencyMillis: 1 };

/** Each row: conditions towards the Receiver and towards the Sender. */
export const rows: ReadonlyMap<string, readonly [Conditions, Conditions]> = new Map([
  ["clean, latency 1 ms", both({})],
  ["clean, latency 50 ms", both({ latencyMillis: 50 })],
  ["loss 1 %", both({ lossRatio: 0.01 })],
  ["loss 5 %", both({ lossRatio: 0.05 })],
  ["loss 1 %, latency 50 ms", both({ lossRatio: 0.01, latencyMillis: 50 })],
  ["ACKs lost: 5 %", [clean, { ...clean, lossRatio: 0.05 }]],
  ["jitter 0.2 ms", both({ jitterMillis: 0.2 })],
  ["jitter 2 ms", both({ jitterMillis: 2 })],
  ["jitter 2 ms, loss 1 %", both({ jitterMillis: 2, lossRatio: 0.01 })],
  ["duplicates 5 %", both({ duplicateRatio: 0.05 })],
  ["duplicates 5 %, jitter 2 ms", both({ duplicateRatio: 0.05, jitterMillis: 2 })],
  ["10 ms a block", [{ ...clean, busyMillis: 10 }, clean]],
  ["10 ms a block, loss 1 %", both({ lossRatio: 0.01 }, { busyMillis: 10 })],
  ["1 ms a block, queue of 40", [{ ...clean, busyMillis: 1, queueMax: 40 }, clean]],
]);

function both(change: Partial<Conditions>, toReceiver: Partial<Conditions> = {}) {
  const conditions = { ...clean, ...change };
  return [{ ...conditions, ...toReceiver }, conditions] as const;
}

export function costOf(
  row: readonly [Conditions, Conditions],
  windowsize: number,
  options: {
    readonly blocks: number;
    readonly seeds: number;
    readonly change?: () => Partial<Scenario>;
  },
): { readonly data: number; readonly acks: number; readonly seconds: number } {
  let data = 0;
  let acks = 0;
  let millis = 0;
  for (let seed = 1; seed <= options.seeds; seed++) {
    const run = new Pair({
      seed,
      direction: "read",
      file: { blocks: options.blocks, lastBytes: 3 },
      windowsize,
      toReceiver: row[0],
      toSender: row[1],
      ...options.change?.(),
    }).run();
    data += run.dataSent;
    acks += run.acksSent;
    millis += run.finalMillis;
  }
  const blocks = options.blocks * options.seeds;
  const windowCount = Math.ceil(options.blocks / windowsize) * options.seeds;
  return { data: data / blocks, acks: acks / windowCount, seconds: millis / 1000 / options.seeds };
}
