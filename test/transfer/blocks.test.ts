// Encoded blocks: the wire's bytes exactly, at hand as long as they may be asked for.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rollover } from "../../src/core/options.ts";
import type { Run } from "../../src/core/run.ts";
import type { Source } from "../../src/ports.ts";
import { bytesSource, sourceOf } from "../../src/storage/sources.ts";
import { type Blocks, privateBlocks } from "../../src/transfer/blocks.ts";
import { noise } from "../loopback/pair.ts";
import { data } from "../server/device.ts";
import { runsOf } from "./fakes.ts";

/** All datagrams up to the last, asked for in ranges of `step`, released when the range is read. */
async function whole(ring: Blocks, step = 7): Promise<Buffer[]> {
  const datagrams: Buffer[] = [];
  let sent = 0;
  while (ring.last === undefined || sent < ring.last) {
    if (ring.ready === sent) await ring.fill();
    const count = Math.min(step, ring.ready - sent);
    for (const run of runsOf(ring, sent + 1, count)) datagrams.push(...cut(run));
    sent += count;
    ring.release(sent);
  }
  return datagrams;
}

function cut(run: Run): Buffer[] {
  return Array.from(run.datagrams(), (datagram) => Buffer.from(datagram));
}

function expected(content: Uint8Array, blksize: number): Buffer[] {
  const count = Math.floor(content.length / blksize) + 1;
  return Array.from({ length: count }, (_, at) => {
    const payload = content.subarray(at * blksize, (at + 1) * blksize);
    return Buffer.from(data((at + 1) & 0xffff, payload));
  });
}

function* pieces(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.length; at += 333) yield content.subarray(at, at + 333);
}

for (const blksize of [8, 512, 1468]) {
  test(`blocks of ${blksize} are the wire's bytes, with a known size and without`, async () => {
    const chunk = 64 * blksize;
    const lengths = [0, 1, blksize - 1, blksize, blksize + 1, chunk - 1, chunk, chunk + 1];
    for (const length of [...lengths, 2 * chunk, 2 * chunk + blksize]) {
      const content = noise(length);
      for (const source of [bytesSource(content), sourceOf(pieces(content))]) {
        const ring = privateBlocks(source, blksize, 0);
        assert.deepEqual(await whole(ring), expected(content, blksize), `${length} bytes`);
        assert.equal(ring.bytesUpTo(ring.last ?? 0), length);
      }
    }
  });
}

test("a block of the largest size is one datagram", async () => {
  const content = noise(65_464 + 1);
  const ring = privateBlocks(bytesSource(content), 65_464, 0);
  assert.deepEqual(await whole(ring), expected(content, 65_464));
});

const after65535: readonly (readonly [Rollover, number])[] = [
  [0, 0],
  [1, 1],
];
for (const [rollover, wire] of after65535) {
  test(`with rollover ${rollover} the block after 65535 has the number ${wire}`, async () => {
    const ring = privateBlocks(bytesSource(new Uint8Array(65_537 * 8)), 8, rollover);
    const numbers = (await whole(ring, 64)).map((datagram) => datagram.readUInt16BE(2));
    assert.deepEqual(numbers.slice(65_534, 65_537), [65_535, wire, wire + 1]);
  });
}

test("blocks can be asked for again until they are released", async () => {
  const content = noise(64 * 8 * 3);
  const ring = privateBlocks(bytesSource(content), 8, 0);
  for (let fills = 0; fills < 3; fills++) await ring.fill();
  const sent = (): Buffer => Buffer.concat(runsOf(ring, 60, 80).map(({ bytes }) => bytes));
  const once = sent();
  ring.release(59);
  assert.deepEqual(sent(), once);
  ring.release(128);
  assert.throws(() => ring.run(128, 129), /not at hand/);
  assert.equal(ring.run(129, 130).count, 1);
});

test("what is released is used again, and no second buffer is made", async () => {
  const ring = privateBlocks(bytesSource(noise(64 * 8 * 4)), 8, 0);
  const buffers = new Set<ArrayBufferLike>();
  for (let chunk = 0; chunk < 4; chunk++) {
    await ring.fill();
    for (const run of runsOf(ring, chunk * 64 + 1, 64)) buffers.add(run.memory.buffer);
    ring.release((chunk + 1) * 64);
  }
  assert.equal(buffers.size, 1);
});

test("content that is shorter than announced is an error, not a damaged file", async () => {
  const source: Source = { ...bytesSource(noise(99)), size: 100 };
  await assert.rejects(privateBlocks(source, 8, 0).fill(), { code: "STORAGE" });
});

test("a read that fails is the caller's to hear", async () => {
  const source: Source = {
    readv: () => Promise.reject(new Error("gone")),
    close: async () => {},
  };
  await assert.rejects(privateBlocks(source, 8, 0).fill(), /gone/);
});
