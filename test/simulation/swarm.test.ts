// Thousands of random transfers, each drawn from a seed. A failing one is named with the command
// that runs it again alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import type { Millis } from "../../src/core/packet.ts";
import type { Conditions } from "./line.ts";
import { Pair, type Scenario } from "./pair.ts";
import { Random } from "./random.ts";
import { type Delay, ReceivingStation, SendingStation } from "./station.ts";

const runs = 4000;
/** The worst of 30,000 runs, with 30 % loss both ways and a window of 64, was 8.6. */
const dataPerBlockMax = 12;
const replay = process.env.TIDEWIRE_SEED;

test("every random transfer ends with the whole file, within its bounds", () => {
  const from = replay === undefined ? 1 : Number(replay);
  const upTo = replay === undefined ? runs : from;
  for (let seed = from; seed <= upTo; seed++) {
    try {
      runOnce(seed);
    } catch (error) {
      const command = `TIDEWIRE_SEED=${seed} node --test dist/test/simulation/swarm.test.js`;
      throw new Error(`Seed ${seed} failed. Run it again with: ${command}`, { cause: error });
    }
  }
});

function runOnce(seed: number): void {
  const random = new Random(seed);
  const scenario = draw(seed, random);
  const pair = new Pair(scenario);
  const abortAt = random.chance(0.05) ? random.upTo(500) : Number.POSITIVE_INFINITY;
  const watch = new Watch(pair);
  pair.onStep = (now) => {
    watch.check();
    if (now >= abortAt) abortOnce(pair, random);
  };
  const run = pair.run();
  if (abortAt < run.finalMillis) return;
  assert.equal(run.errorsSent, 0, "no ERROR is sent");
  assert.ok(run.receiver?.whole, "the file is whole");
  assert.deepEqual(run.receiver.machine.outcome, { ok: true });
  assertSenderEnded(run.sender);
  const { blocks } = scenario.file;
  const dataPerBlock = run.dataSent / (blocks + 8);
  assert.ok(dataPerBlock < dataPerBlockMax, `${dataPerBlock.toFixed(1)} DATA a block`);
}

/** The Receiver stays a while for a lost last ACK, but all of its repeats may be lost as well. */
function assertSenderEnded(sender: SendingStation | undefined): void {
  const outcome = sender?.machine.outcome;
  assert.ok(outcome, "the Sender has ended");
  if (!outcome.ok) assert.equal(outcome.error.code, "TIMED_OUT");
}

function abortOnce(pair: Pair, random: Random): void {
  const stations = [pair.sender, pair.receiver].filter(
    (station) => station instanceof SendingStation || station instanceof ReceivingStation,
  );
  if (stations.some((station) => station.machine.outcome)) return;
  random.pick(stations).machine.abort(new TftpError("ABORTED", "the transfer was cancelled"));
}

/** What must hold after every step. */
class Watch {
  readonly #pair: Pair;
  #acked = -1;
  #received = -1;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  check(): void {
    const { sender, receiver } = this.#pair;
    if (!(sender instanceof SendingStation && receiver instanceof ReceivingStation)) return;
    const { acked, wanted, last } = sender.machine;
    const { received } = receiver.machine;
    assert.ok(acked >= this.#acked && received >= this.#received, "marks only rise");
    assert.ok(acked <= Math.max(0, received), "nothing is acknowledged that was not received");
    assert.ok(last === undefined || wanted <= last, "nothing is wanted beyond the last block");
    this.#acked = acked;
    this.#received = received;
  }
}

function draw(seed: number, random: Random): Scenario {
  const windowsize = random.pick([undefined, 1, 1, 2, 4, 4, 8, 16, 33, 64]);
  const latencyMillis = random.pick([0, 0.2, 1, 5, 40]);
  const lossRatio = random.pick([0, 0, 0.01, 0.05, 0.1, 0.3]);
  const jitterMillis = random.pick([0, 0, 0.5, 5, 50]);
  const duplicateRatio = random.pick([0, 0, 0.05, 0.2]);
  const conditions = { latencyMillis, lossRatio, jitterMillis, duplicateRatio };
  const toReceiver: Conditions = random.chance(0.2)
    ? { ...conditions, busyMillis: random.upTo(12) }
    : conditions;
  const slowTimeout = random.chance(0.1) ? { timeoutSeconds: 1 + random.below(2) } : {};
  return {
    seed,
    direction: random.pick(["read", "write"] as const),
    file: { blocks: 1 + random.below(random.pick([2, 20, 300])), lastBytes: random.below(8) },
    ...(windowsize !== undefined && { windowsize, ...slowTimeout }),
    rollover: random.pick([0, 1] as const),
    toReceiver,
    toSender: conditions,
    senderDelay: drawDelay(random, seed + 3_000_003),
    receiverDelay: drawDelay(random, seed + 4_000_003),
    patience: { timeoutMillis: 1000, attempts: 24, jitter: random.next() },
  };
}

/** Storage is fast, slow, or fast with long pauses. */
function drawDelay(random: Random, seed: number): Delay {
  const own = new Random(seed);
  const slowMillis: Millis = random.pick([0, 0, 3, 30]);
  const pauseMillis: Millis = random.pick([0, 0, 0, 3000]);
  return (purpose) => {
    const pauses = purpose === "commit" || own.chance(0.01);
    return own.upTo(slowMillis) + (pauses ? own.upTo(pauseMillis) : 0);
  };
}
