// What a Receiver and its sink make of blocks does not depend on how the system brings them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { latestUpTo, toWire } from "../../src/core/block-number.ts";
import { TftpError } from "../../src/core/errors.ts";
import { type Rollover, rfc1350 } from "../../src/core/options.ts";
import { serveWrite } from "../../src/core/request.ts";
import { Run } from "../../src/core/run.ts";
import type { Address, Sink } from "../../src/ports.ts";
import { Incoming } from "../../src/transfer/incoming.ts";
import { Peer } from "../../src/transfer/peer.ts";
import { Scheduler } from "../../src/transfer/scheduler.ts";
import { noise } from "../loopback/pair.ts";
import { data } from "../server/device.ts";
import { Random } from "../simulation/random.ts";
import { HandClock, keptSocket } from "./fakes.ts";

const client: Address = { host: "192.0.2.7", port: 1234 };

interface Terms {
  readonly blksize: number;
  readonly windowsize: number;
  readonly rollover: Rollover;
}

interface Scene {
  readonly sent: readonly Buffer[];
  readonly stored: () => Buffer;
  /** What can be told of the transfer, and whether it ended well. */
  readonly told: () => unknown;
  readonly hear: (datagrams: readonly Buffer[], at: number) => void;
}

function scene(terms: Terms, joined: boolean): Scene {
  const size = terms.blksize + 4;
  const clock = new HandClock();
  const sent: Buffer[] = [];
  const parts: Buffer[] = [];
  let ok: boolean | undefined;
  let onJoined: ((run: Run, from: Address) => void) | undefined;
  const socket = {
    ...keptSocket(),
    send: (run: Run) => void sent.push(Buffer.from(run.bytes)),
    joinReceived: (_size: number, hear: typeof onJoined) => void (onJoined = hear),
  };
  const store = (payloads: readonly Uint8Array[]): void => {
    parts.push(...payloads.map((payload) => Buffer.from(payload)));
  };
  const sink: Sink = {
    writeAtOnce(payloads) {
      store(payloads);
      return true;
    },
    writev: async (payloads) => store(payloads),
    commit: async () => {},
    discard: async () => {},
  };
  const options = new Map([["tsize", { name: "tsize", value: "0" }]]);
  const patience = { timeoutMillis: 1000, attempts: 2, jitter: 0 };
  const machine = serveWrite(options, terms, patience);
  const transfer = new Incoming(
    {
      socket,
      peer: new Peer(client, { adopts: false }),
      scheduler: new Scheduler(clock),
      onOutcome: (outcome) => (ok = outcome.ok),
      onDone: () => {},
    },
    machine,
    sink,
  );
  transfer.begin();
  return {
    sent,
    stored: () => Buffer.concat(parts),
    told: () => ({ ok, ...transfer.tally, ...machine.stats }),
    hear(datagrams, at) {
      clock.advanceTo(at);
      for (let from = 0; from < datagrams.length; ) {
        let end = from;
        while (joined && datagrams[end]?.length === size) end += 1;
        if (end - from > 1) {
          onJoined?.(Run.of(Buffer.concat(datagrams.slice(from, end)), size), client);
        } else transfer.handleDatagram(datagrams[from] as Buffer, client);
        from = Math.max(end, from + 1);
      }
    },
  };
}

/** What a sender of these blocks sends after an ACK of `acked`, as the network brings it. */
function* window(
  content: Uint8Array,
  acked: number,
  { blksize, windowsize, rollover }: Terms,
  random: Random,
): Generator<Buffer> {
  const last = Math.floor(content.length / blksize) + 1;
  let late: Buffer | undefined;
  for (let block = acked + 1; block <= Math.min(acked + windowsize, last); block++) {
    const payload = content.subarray((block - 1) * blksize, block * blksize);
    const datagram = Buffer.alloc(4 + payload.length);
    datagram.writeUInt16BE(3);
    datagram.writeUInt16BE(toWire(block, rollover), 2);
    datagram.set(payload, 4);
    if (random.chance(0.01)) continue;
    if (random.chance(0.01)) late = datagram;
    else yield datagram;
    if (random.chance(0.01)) yield Buffer.from(datagram);
    if (late && random.chance(0.5)) {
      yield late;
      late = undefined;
    }
  }
  if (late) yield late;
}

for (const joined of [false, true]) {
  const how = joined ? "joined" : "one by one";
  test(`a lost end of a window is reported as soon after a doubled block, ${how}`, () => {
    const { hear, sent } = scene({ blksize: 8, windowsize: 8, rollover: 0 }, joined);
    const blocks = Array.from({ length: 4 }, (_, at) => Buffer.from(data(at + 1, "8 bytes.")));
    hear(blocks.slice(0, 1), 1);
    hear(blocks.slice(0, 1), 2); // doubled by the network: the window is waited for longer
    hear([], 25);
    hear(blocks.slice(1), 30);
    assert.equal(sent.length, 1, "the opening");
    hear([], 30 + 20);
    assert.deepEqual(sent.at(-1), Buffer.of(0, 4, 0, 4));
  });
}

test("a file that is stored ends well where its last ACK finds no room, for ever", async () => {
  for (const how of ["abort", "abandon", "wait"] as const) {
    const clock = new HandClock();
    const socket = { ...keptSocket(), writable: true };
    const outcomes: boolean[] = [];
    let done = 0;
    const commit = async (): Promise<void> => void (socket.writable = false);
    const transfer = new Incoming(
      {
        socket,
        peer: new Peer(client, { adopts: false }),
        scheduler: new Scheduler(clock),
        onOutcome: ({ ok }) => void outcomes.push(ok),
        onDone: () => void (done += 1),
      },
      serveWrite(new Map(), rfc1350, { timeoutMillis: 1000, attempts: 2, jitter: 0 }),
      { writev: async () => {}, commit, discard: async () => {} },
    );
    transfer.begin();
    transfer.handleDatagram(data(1, "whole"), client);
    await setImmediate();
    if (how !== "wait") transfer[how](new TftpError("ABORTED", "enough"));
    for (let time = 1000; time <= 60_000; time += 1000) {
      clock.advanceTo(time);
      await setImmediate();
    }
    assert.deepEqual([outcomes, done], [[true], 1], how);
  }
});

const cases: readonly (readonly [Terms, blocks: number])[] = [
  [{ blksize: 8, windowsize: 64, rollover: 0 }, 66_000],
  [{ blksize: 8, windowsize: 33, rollover: 1 }, 66_000],
  [{ blksize: 1428, windowsize: 64, rollover: 0 }, 3000],
  [{ blksize: 1428, windowsize: 2, rollover: 0 }, 300],
];

for (const [terms, blocks] of cases) {
  const { blksize, windowsize, rollover } = terms;
  test(`blocks of ${blksize} in windows of ${windowsize} may come joined`, async () => {
    const random = new Random(windowsize);
    const content = noise(blocks * blksize - 1);
    const [single, joined] = [scene(terms, false), scene(terms, true)];
    let acked = 0;
    for (let now = 1; acked < blocks; now += 5) {
      const said = single.sent.length;
      const datagrams = [...window(content, acked, terms, random)];
      single.hear(datagrams, now);
      joined.hear(datagrams, now);
      await setImmediate();
      assert.deepEqual(joined.sent.slice(said), single.sent.slice(said));
      const ack = single.sent.at(-1) as Buffer;
      const known = latestUpTo(acked + windowsize, ack.readUInt16BE(2), rollover);
      if (single.sent.length > said) acked = known;
      else now += 100; // until it says what it has
    }
    assert.deepEqual(joined.told(), single.told());
    assert.ok(joined.stored().equals(content));
    assert.ok(single.stored().equals(content));
  });
}
