// Our machines and ends that are simpler, older or stranger than ours: every file arrives whole,
// and no packet of theirs makes us flood the line.

import assert from "node:assert/strict";
import { test } from "node:test";
import { rows, windows } from "./cost-table.ts";
import {
  ForeignReceiver,
  ForeignSender,
  type ForeignSetup,
  type ReceiverHabits,
  type SenderHabits,
} from "./foreign.ts";
import { Pair } from "./pair.ts";
import { ReceivingStation, SendingStation } from "./station.ts";

const file = { blocks: 500, lastBytes: 3 };
const seeds = [1, 2, 3];
const quietRows = ["clean, latency 1 ms", "loss 1 %", "loss 5 %", "10 ms a block"];
const roughRows = [...quietRows, "jitter 0.2 ms", "duplicates 5 %, jitter 2 ms"];

function setupFor(windowsize: number): ForeignSetup {
  return { file, windowsize, timeoutMillis: 1000 };
}

/** Returns the worst number of DATA for each block. */
function sendTo(habits: ReceiverHabits, rowNames: readonly string[], windowsize: number): number {
  let worst = 0;
  for (const name of rowNames) {
    for (const seed of seeds) {
      const receiver = new ForeignReceiver(setupFor(windowsize), habits);
      const run = pair(name, seed, windowsize, { foreignReceiver: receiver }).run();
      const context = `${name}, window ${windowsize}, seed ${seed}`;
      assert.ok(receiver.whole, `the file is whole: ${context}`);
      assert.ok(run.sender?.machine.outcome, `the Sender has ended: ${context}`);
      worst = Math.max(worst, run.dataSent / file.blocks);
    }
  }
  return worst;
}

/** Returns the worst number of our ACKs for each block. */
function receiveFrom(habits: SenderHabits, windowsize: number): number {
  let worst = 0;
  for (const name of roughRows) {
    for (const seed of seeds) {
      const sender = new ForeignSender(setupFor(windowsize), habits);
      const run = pair(name, seed, windowsize, { foreignSender: sender }).run();
      const context = `${name}, window ${windowsize}, seed ${seed}`;
      assert.ok(run.receiver?.whole, `the file is whole: ${context}`);
      worst = Math.max(worst, (run.acksSent / file.blocks) * windowsize);
    }
  }
  return worst;
}

function pair(
  name: string,
  seed: number,
  windowsize: number,
  foreign: { foreignReceiver: ForeignReceiver } | { foreignSender: ForeignSender },
): Pair {
  const row = rows.get(name);
  assert.ok(row, name);
  const [toReceiver, toSender] = row;
  return new Pair({ seed, direction: "read", file, windowsize, toReceiver, toSender, ...foreign });
}

function assertBelow(value: number, bound: number, what: string): void {
  assert.ok(value < bound, `${value.toFixed(2)} ${what} are fewer than ${bound}`);
}

test("a Receiver that reports a gap at once and drops early blocks gets its file", () => {
  for (const windowsize of windows) {
    const data = sendTo({ gap: "at once", early: "dropped" }, quietRows, windowsize);
    assertBelow(data, 4, "DATA a block");
  }
});

test("a Receiver that reports a gap at the window's end gets its file", () => {
  for (const windowsize of windows) {
    const data = sendTo({ gap: "at the window's end", early: "kept" }, roughRows, windowsize);
    assertBelow(data, 4, "DATA a block");
  }
});

test("a Receiver that reports nothing and waits for the Sender gets its file", () => {
  for (const windowsize of windows) {
    const habits: ReceiverHabits = { gap: "never", early: "dropped", timer: "none" };
    const kindRows = ["clean, latency 1 ms", "loss 1 %", "10 ms a block"];
    assertBelow(sendTo(habits, kindRows, windowsize), 4, "DATA a block");
  }
});

test("a Receiver that acknowledges after 4 blocks of a larger window gets its file", () => {
  for (const windowsize of [4, 16]) {
    const habits: ReceiverHabits = { gap: "at once", early: "dropped", realWindow: 4 };
    assertBelow(sendTo(habits, quietRows, windowsize), 8, "DATA a block");
  }
});

test("a Sender that repeats only on time-out gets its file to us", () => {
  for (const windowsize of windows) {
    assertBelow(receiveFrom({ onlyTimer: true }, windowsize), 12, "ACKs a window");
  }
});

test("a Sender that answers each duplicate ACK gets none for DATA that the network doubles", () => {
  for (const windowsize of windows) {
    assertBelow(receiveFrom({ apprentice: true }, windowsize), 8, "ACKs a window");
    const run = new Pair({
      seed: 1,
      direction: "read",
      file,
      windowsize,
      toReceiver: { latencyMillis: 1, duplicateRatio: 0.2 },
      toSender: { latencyMillis: 1 },
      foreignSender: new ForeignSender(setupFor(windowsize), { apprentice: true }),
    }).run();
    assert.equal(run.dataSent, file.blocks, "DATA that the network doubles is not answered");
  }
});

test("a storage that pauses in mid-window leaves neither end waiting for ever", () => {
  for (const windowsize of [1, 4, 64]) {
    const scenario = {
      seed: 1,
      direction: "read",
      file: { blocks: 300, lastBytes: 0 },
      windowsize,
      toReceiver: { latencyMillis: 1, lossRatio: 0.05 },
      toSender: { latencyMillis: 1, lossRatio: 0.05 },
      senderDelay: () => 2500,
    } as const;
    assert.ok(new Pair(scenario).run().receiver?.whole);
  }
});

test("a commit of three seconds multiplies no DATA and breaks nothing", () => {
  for (const windowsize of windows) {
    const blocks = 2 * windowsize;
    const run = new Pair({
      seed: 1,
      direction: "write",
      file: { blocks, lastBytes: 3 },
      windowsize,
      toReceiver: { latencyMillis: 1 },
      toSender: { latencyMillis: 1 },
      receiverDelay: (purpose) => (purpose === "commit" ? 3000 : 0),
    }).run();
    assert.deepEqual(run.sender?.machine.outcome, { ok: true });
    // The last window went out once, and again after 122, 244, 488, 976 and perhaps 1952 ms.
    const repeats = (run.dataSent - blocks) / windowsize;
    assertBelow(repeats, 6, "repeats of the last window");
    assert.ok(run.acksSent <= 3, "no repeat is answered before the commit");
  }
});

test("the lost end of a window is recovered long before a plain timeout", () => {
  const row = rows.get("1 ms a block, queue of 40");
  assert.ok(row);
  const [toReceiver, toSender] = row;
  const scenario = {
    seed: 1,
    direction: "read",
    file,
    windowsize: 64,
    toReceiver,
    toSender,
  } as const;
  const run = new Pair(scenario).run();
  assert.ok(run.receiver?.whole);
  assert.ok(run.finalMillis < 4000, `${run.finalMillis} ms`);
});

test("all four roles end well on a clean network, with and without options", () => {
  for (const direction of ["read", "write"] as const) {
    for (const windowsize of [undefined, 1, 4, 64]) {
      for (const blocks of [1, 2, 64, 65, 129]) {
        const run = new Pair({
          seed: 1,
          direction,
          file: { blocks, lastBytes: 0 },
          ...(windowsize !== undefined && { windowsize }),
          toReceiver: { latencyMillis: 1 },
          toSender: { latencyMillis: 1 },
        }).run();
        assert.ok(run.sender instanceof SendingStation && run.receiver instanceof ReceivingStation);
        assert.deepEqual(run.sender.machine.outcome, { ok: true });
        assert.equal(run.dataSent, blocks, "each block goes out once");
        assert.ok(run.receiver.whole);
      }
    }
  }
});
