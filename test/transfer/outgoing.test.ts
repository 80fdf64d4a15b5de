// A Sender, its blocks and a socket together: what is sent when, and what is kept how long.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import type { Outcome } from "../../src/core/machine.ts";
import type { Millis } from "../../src/core/packet.ts";
import { serveRead } from "../../src/core/request.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { Blocks } from "../../src/transfer/blocks.ts";
import { ChunkShape, PrivateChunks } from "../../src/transfer/chunks.ts";
import { Outgoing } from "../../src/transfer/outgoing.ts";
import { type Pacer, Pacing } from "../../src/transfer/pace.ts";
import { Peer } from "../../src/transfer/peer.ts";
import { Scheduler } from "../../src/transfer/scheduler.ts";
import { noise } from "../loopback/pair.ts";
import { ack, error } from "../server/device.ts";
import { HandClock, type KeptSocket, keptSocket } from "./fakes.ts";

const client = { host: "192.0.2.7", port: 1234 };
const patience = { timeoutMillis: 1000, attempts: 2, jitter: 0 };
const blksize = 8;

class Released extends Blocks {
  upTo = 0;

  override release(upTo: number): void {
    this.upTo = upTo;
    super.release(upTo);
  }
}

interface Scene {
  readonly transfer: Outgoing;
  readonly socket: KeptSocket & { writable: boolean };
  readonly clock: HandClock;
  readonly blocks: () => Released;
  readonly seen: { outcomes: Outcome[]; done: number; progress: number[] };
  hear(datagram: Uint8Array, at: Millis): Promise<void>;
  /** The blocks that were sent since the last call. */
  sent(): number[];
}

async function scene(length: number, windowsize: number, pacer?: Pacer): Promise<Scene> {
  const clock = new HandClock();
  const socket = keptSocket() as Scene["socket"];
  const seen: Scene["seen"] = { outcomes: [], done: 0, progress: [] };
  const machine = serveRead(new Map(), { blksize, windowsize, rollover: 0 }, patience);
  let ring: Released | undefined;
  const parts = {
    socket,
    peer: new Peer(client, { adopts: false }),
    scheduler: new Scheduler(clock),
    pacer,
    onOutcome: (outcome: Outcome) => void seen.outcomes.push(outcome),
    onDone: () => void (seen.done += 1),
    onProgress: (bytes: number) => void seen.progress.push(bytes),
  };
  const transfer = new Outgoing(parts, machine, (agreed) => {
    const shape = new ChunkShape(agreed.blksize, agreed.rollover, length);
    ring = new Released(shape, new PrivateChunks(shape, bytesSource(noise(length))));
    return ring;
  });
  transfer.begin();
  await turns(clock);
  return {
    transfer,
    socket,
    clock,
    seen,
    blocks: () => ring as Released,
    hear: async (datagram, at) => {
      clock.time = at;
      transfer.handleDatagram(datagram, client);
      await turns(clock);
    },
    sent: () => socket.sent.splice(0).flatMap(([run]) => numbersOf(run)),
  };
}

async function turns(clock: HandClock): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((soon) => setImmediate(soon));
    clock.turn();
  }
}

function numbersOf(run: Buffer): number[] {
  const count = Math.ceil(run.length / (blksize + 4));
  return Array.from({ length: count }, (_, at) => run.readUInt16BE(at * (blksize + 4) + 2));
}

test("one window goes out, and the next when it is acknowledged", async () => {
  const { sent, hear, seen } = await scene(10 * blksize - 1, 4);
  assert.deepEqual(sent(), [1, 2, 3, 4]);
  await hear(ack(4), 10);
  assert.deepEqual(sent(), [5, 6, 7, 8]);
  await hear(ack(8), 20);
  assert.deepEqual(sent(), [9, 10]);
  await hear(ack(10), 30);
  assert.deepEqual(sent(), []);
  assert.deepEqual(seen.outcomes, [{ ok: true }]);
  assert.equal(seen.done, 1);
  assert.deepEqual(seen.progress, [32, 64, 79]);
});

test("what is acknowledged is not kept", async () => {
  const { blocks, hear } = await scene(300 * blksize, 64);
  for (const block of [64, 128, 192]) {
    await hear(ack(block), block);
    assert.equal(blocks().upTo, block);
  }
});

test("a window larger than a turn may send goes out in several", async () => {
  const { sent, socket } = await scene(100 * blksize, 40);
  assert.ok(socket.maxSegments < 40);
  assert.deepEqual(
    sent(),
    Array.from({ length: 40 }, (_, at) => at + 1),
  );
});

test("nothing is sent while the socket is full", async () => {
  const { sent, hear, socket } = await scene(100 * blksize, 4);
  sent();
  socket.writable = false;
  await hear(ack(4), 10);
  assert.deepEqual(sent(), []);
  socket.writable = true;
  socket.onWritable();
  assert.deepEqual(sent(), [5, 6, 7, 8]);
});

test("a turn of the pace that finds the socket full is taken when it has room", async () => {
  const pacer = new Pacing(1000, Number.POSITIVE_INFINITY).pacer();
  const { sent, hear, socket, clock, transfer } = await scene(100 * blksize, 2, pacer);
  assert.deepEqual(sent(), [1, 2]);
  await hear(ack(2), 1);
  assert.deepEqual(sent(), []);
  const turn = pacer?.nextTurn ?? 0;
  assert.equal(transfer.nextTimeout, turn);
  socket.writable = false;
  clock.advanceTo(Math.ceil(turn));
  const { nextTimeout = Number.POSITIVE_INFINITY } = transfer;
  assert.ok(nextTimeout > clock.time, "it is not due at once, for ever");
  socket.writable = true;
  socket.onWritable();
  assert.deepEqual(sent(), [3]);
});

test("who is ended while the socket is full waits a second for room, not for ever", async () => {
  const { sent, seen, socket, clock, transfer } = await scene(100 * blksize, 4);
  sent();
  socket.writable = false;
  transfer.abort(new TftpError("ABORTED", "enough"));
  clock.advanceTo(999);
  assert.deepEqual([seen.outcomes, socket.sent.length], [[], 0], "it may have room again");
  clock.advanceTo(1000);
  assert.equal(seen.outcomes[0]?.ok, false);
  assert.equal(seen.done, 1);
  assert.equal(socket.sent.length, 1, "the ERROR goes out if it can");
});

test("a socket that never has room again ends the transfer, as silence would", async () => {
  const { hear, seen, socket, clock } = await scene(100 * blksize, 4);
  socket.writable = false;
  await hear(ack(4), 10);
  while (seen.outcomes.length === 0 && clock.alarms.size > 0) {
    const [next = 0] = [...clock.alarms].map(({ deadline }) => deadline).sort((a, b) => a - b);
    clock.advanceTo(next);
  }
  const [outcome] = seen.outcomes;
  assert.ok(outcome?.ok === false);
  assert.equal(outcome.error.code, "NETWORK");
  assert.equal(seen.done, 1);
});

test("a socket that has room now and then ends nothing, however long that goes on", async () => {
  const { sent, hear, seen, socket, clock } = await scene(100 * blksize, 1);
  for (let block = 1; block <= 50; block++) {
    socket.writable = false;
    await hear(ack(block), clock.time);
    const { time } = clock;
    for (let step = 1; step <= 10; step++) clock.advanceTo(time + step * 1000);
    socket.writable = true;
    socket.onWritable();
  }
  assert.deepEqual([seen.outcomes, sent().at(-1)], [[], 51]);
});

test("a last block takes as much of the pace as it has bytes", async () => {
  const pacing = new Pacing(100, Number.POSITIVE_INFINITY);
  const { sent } = await scene(1, 1, pacing.pacer());
  assert.deepEqual(sent(), [1]);
  const next = pacing.pacer();
  const allowed = next?.allow(1, () => 12, 0);
  assert.equal(allowed, 0);
  // 5 bytes of 100 a second, after what a late timer may catch up with.
  assert.equal(next?.nextTurn, 50 - 20);
});

test("silence repeats the window, and then ends the transfer", async () => {
  const { sent, clock, seen } = await scene(100 * blksize, 2);
  assert.deepEqual(sent(), [1, 2]);
  const times: number[] = [];
  while (seen.outcomes.length === 0 && clock.alarms.size > 0) {
    const [next] = [...clock.alarms].map(({ deadline }) => deadline).sort((a, b) => a - b);
    clock.advanceTo(next ?? 0);
    await turns(clock);
    if (sent().length > 0) times.push(clock.time);
  }
  assert.deepEqual(times, [1000, 3000]);
  const [outcome] = seen.outcomes;
  assert.ok(outcome?.ok === false && outcome.error.code === "TIMED_OUT");
});

test("an ERROR of the client ends it, unanswered", async () => {
  const { sent, hear, seen } = await scene(100 * blksize, 1);
  sent();
  await hear(error(0, "enough"), 10);
  assert.deepEqual(sent(), []);
  assert.equal(seen.outcomes[0]?.ok, false);
  assert.equal(seen.done, 1);
});

test("a packet that cannot be sent ends a transfer that nobody has answered yet", async () => {
  const fresh = await scene(100 * blksize, 1);
  fresh.socket.onError(new Error("no route"));
  await turns(fresh.clock);
  const [outcome] = fresh.seen.outcomes;
  assert.ok(outcome?.ok === false && outcome.error.code === "NETWORK");
  const going = await scene(100 * blksize, 1);
  await going.hear(ack(1), 10);
  going.socket.onError(new Error("no buffers"));
  await turns(going.clock);
  assert.deepEqual(going.seen.outcomes, []);
});
