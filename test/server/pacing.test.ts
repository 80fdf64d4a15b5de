// Rates of sending: what goes out in a time, and that all else goes on as ever.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../src/core/packet.ts";
import { memory } from "../../src/index.ts";
import type { Address } from "../../src/ports.ts";
import { keyOf } from "../../src/transfer/peer.ts";
import type { KeptSocket } from "../transfer/fakes.ts";
import { ack, error, rrq } from "./device.ts";
import { content } from "./scene.ts";
import { type VirtualServer, virtualServer } from "./virtual.ts";

const blksize = 512;
const stride = blksize + 4;
const stepMillis = 5;
const storage = memory({ "file.bin": content(100_000), small: "hello" });

/** A client that acknowledges whole windows, in virtual time. */
class Reader {
  readonly from: Address;
  readonly #virtual: VirtualServer;
  readonly #windowsize: number;
  readonly #blocks = new Map<number, Buffer>();
  /** Of each socket of the server. */
  readonly #seen = new Map<KeptSocket, number>();
  bytes = 0;
  datagrams = 0;
  finished = false;

  constructor(virtual: VirtualServer, from: Address, windowsize: number) {
    this.#virtual = virtual;
    this.from = from;
    this.#windowsize = windowsize;
  }

  async ask(filename: string): Promise<void> {
    const options = this.#windowsize > 1 ? { windowsize: this.#windowsize } : {};
    await this.#virtual.ask(this.from, rrq(filename, options));
    if (this.#windowsize > 1) await this.#virtual.answer(this.from, ack(0));
  }

  /** Takes what was sent since, and acknowledges where a window ends. */
  async read(): Promise<void> {
    for (const socket of [...this.#virtual.sockets]) {
      for (let at = this.#seen.get(socket) ?? 0; at < socket.sent.length; at++) {
        this.#seen.set(socket, at + 1);
        const [run, to] = socket.sent[at] as (typeof socket.sent)[number];
        if (keyOf(to) === keyOf(this.from)) await this.#takeRun(run);
      }
    }
  }

  async #takeRun(run: Buffer): Promise<void> {
    for (let at = 0; at < run.length; at += stride) {
      const packet = decode(run.subarray(at, at + stride));
      if (packet.op === "data") await this.#take(packet.block, Buffer.from(packet.payload));
    }
  }

  async #take(block: number, payload: Buffer): Promise<void> {
    this.datagrams += 1;
    this.bytes += payload.length + 4;
    this.#blocks.set(block, payload);
    this.finished ||= payload.length < blksize;
    if (this.finished || block % this.#windowsize === 0) {
      await this.#virtual.answer(this.from, ack(block));
    }
  }

  get content(): Buffer {
    return Buffer.concat([...this.#blocks].sort(([a], [b]) => a - b).map(([, bytes]) => bytes));
  }
}

function client(last: number): Address {
  return { host: `198.51.100.${last}`, port: 2000 };
}

/** Moves time in steps until all have their file; what had been sent after each step. */
async function run(virtual: VirtualServer, readers: readonly Reader[]): Promise<number[]> {
  const bytes: number[] = [];
  while (readers.some(({ finished }) => !finished)) {
    assert.ok(bytes.length < 4000, "no end");
    for (const reader of readers) await reader.read();
    bytes.push(readers.reduce((sum, reader) => sum + reader.bytes, 0));
    await virtual.advanceTo(virtual.clock.time + stepMillis);
  }
  return bytes;
}

function assertRate(bytes: readonly number[], bytesPerSecond: number, burstBytes: number): void {
  for (let from = 0; from < bytes.length; from += 7) {
    for (let to = from; to < bytes.length; to += 13) {
      const sent = (bytes[to] as number) - (bytes[from] as number);
      const most = ((to - from) * stepMillis * bytesPerSecond) / 1000 + burstBytes;
      assert.ok(sent <= most, `${sent} bytes in ${(to - from) * stepMillis} ms`);
    }
  }
  const total = bytes.at(-1) as number;
  assert.ok(total / (bytes.length * stepMillis) >= (0.9 * bytesPerSecond) / 1000, "too slow");
}

for (const windowsize of [1, 8, 64]) {
  test(`a transfer of windows of ${windowsize} keeps its rate, evenly`, async () => {
    const virtual = virtualServer({ bytesPerSecondPerTransfer: 100_000 }, { storage });
    const reader = new Reader(virtual, client(1), windowsize);
    await reader.ask("file.bin");
    const bytes = await run(virtual, [reader]);
    assertRate(bytes, 100_000, 3000 + 2 * stride);
    assert.deepEqual(reader.content, Buffer.from(content(100_000)));
    assert.equal(reader.datagrams, Math.floor(100_000 / blksize) + 1);
    assert.equal(virtual.events.of("ended")[0]?.transfer.resent, 0);
  });
}

test("a rate in all is shared by all, and each gets its part", async () => {
  const virtual = virtualServer({ bytesPerSecond: 400_000 }, { storage });
  const readers = [1, 2, 3, 4].map((last) => new Reader(virtual, client(last), 8));
  for (const reader of readers) await reader.ask("file.bin");
  const bytes = await run(virtual, readers);
  assertRate(bytes, 400_000, 12_000 + 4 * stride);
  const ends = virtual.events.of("ended").map(({ transfer }) => transfer.durationMillis);
  assert.ok(Math.min(...ends) > 0.8 * Math.max(...ends), `${ends}`);
});

test("what is lost is repeated, at the same rate", async () => {
  const limits = { bytesPerSecondPerTransfer: 50_000 };
  const virtual = virtualServer(limits, { storage });
  const reader = new Reader(virtual, client(1), 8);
  await reader.ask("file.bin");
  for (let time = 100; time < 1000; time += stepMillis) await virtual.advanceTo(time);
  const bytes = await run(virtual, [reader]);
  assertRate(bytes.slice(1), 50_000, 2000 + stride);
  assert.deepEqual(reader.content, Buffer.from(content(100_000)));
});

test("an ERROR and a small file do not wait behind those who take all", async () => {
  const virtual = virtualServer({ bytesPerSecond: 10_000 }, { storage });
  const reader = new Reader(virtual, client(1), 64);
  await reader.ask("file.bin");
  await virtual.ask(client(2), rrq("nope"));
  assert.equal(virtual.port.sent.length, 1);
  const small = new Reader(virtual, client(3), 1);
  await small.ask("small");
  await virtual.advanceTo(200);
  await small.read();
  assert.ok(small.finished);
});

test("a transfer that ends while it waits gives its place to the next", async () => {
  const virtual = virtualServer({ bytesPerSecond: 1000 }, { storage });
  const [first, second] = [1, 2].map((last) => new Reader(virtual, client(last), 8));
  await first?.ask("file.bin");
  await virtual.answer(client(1), error(0));
  await second?.ask("file.bin");
  await virtual.advanceTo(600);
  await second?.read();
  assert.equal(second?.datagrams, 1);
  assert.equal(virtual.server.snapshot().length, 1);
});

test("without a rate nothing is held back", async () => {
  const virtual = virtualServer({}, { storage });
  const reader = new Reader(virtual, client(1), 64);
  await reader.ask("file.bin");
  await reader.read();
  await reader.read();
  await reader.read();
  await reader.read();
  assert.ok(reader.finished);
  assert.equal(virtual.clock.time, 0);
});
