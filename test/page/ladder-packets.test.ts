// What the page makes of recorded packets: which were repeated, which were lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PacketRecord } from "../../src/observe/packet-record.ts";
import { FlagIndex, kind, labelOf, readPackets } from "../../src/page/ladder-packets.ts";
import { packetTable } from "../../src/web/packet-table.ts";

type Step = readonly [from: "us" | "peer", bytes: Uint8Array];
const word = (opcode: number, block: number, more = 0): Uint8Array => {
  const bytes = new Uint8Array(4 + more);
  bytes.set([0, opcode, (block >> 8) & 255, block & 255]);
  return bytes;
};
const data = (block: number): Step => ["us", word(3, block, 512)];
const ack = (block: number): Step => ["peer", word(4, block)];

function read(steps: readonly Step[], bytesMax = 1e8) {
  const budget = { bytes: 0, bytesMax };
  const record = new PacketRecord(budget, false);
  steps.forEach(([from, bytes], at) => {
    record.add(bytes, from === "us", 69, 1000 + at);
    while (budget.bytes > budget.bytesMax && record.dropOldest());
  });
  const table = packetTable(record);
  return readPackets(new Uint8Array(table).buffer);
}

test("what is sent again is marked, and what was never acknowledged before is lost", () => {
  const { flags } = read([data(1), ack(1), data(2), data(3), data(2), data(3), ack(3)]);
  const marks = [...flags].map((flag) => flag & (kind.resent | kind.lost | kind.duplicate));
  assert.deepEqual(marks, [0, 0, kind.lost, kind.lost, kind.resent, kind.resent, 0]);
});

test("a block that was sent again though its ACK had come is not lost", () => {
  const { flags } = read([data(1), ack(1), data(1)]);
  assert.equal(flags[0]! & kind.lost, 0);
  assert.ok(flags[2]! & kind.resent);
});

test("copies of ACKs and requests that come in are copies", () => {
  const request: Step = ["peer", Buffer.from("\0\x01a\0octet\0blksize\x00600\0")];
  const packets = read([request, request, data(1), ack(1), ack(1)]);
  const copies = [...packets.flags].map((flag) => (flag & kind.duplicate) !== 0);
  assert.deepEqual(copies, [false, true, false, false, true]);
  assert.equal(labelOf(packets, 0), "RRQ a octet blksize=600");
  assert.equal(labelOf(packets, 2), "DATA 1 · 512 bytes");
});

test("numbers beyond 16 bits are new blocks, not repeats", () => {
  const steps: Step[] = [];
  for (let block = 1; block <= 70_000; block++) steps.push(data(block), ack(block));
  const { flags, count } = read(steps);
  assert.equal(count, 140_000);
  assert.equal(new FlagIndex(flags).next(0, kind.resent | kind.duplicate | kind.lost), -1);
});

test("after packets that are not kept nothing looks repeated", () => {
  const steps: Step[] = [];
  for (let block = 1; block <= 100_000; block++) steps.push(data(block));
  const packets = read(steps, 200_000);
  assert.ok(packets.dropped > 50_000);
  assert.equal(new FlagIndex(packets.flags).next(0, kind.resent), -1);
});

test("the index knows which flags a range has, without looking at each packet", () => {
  const flags = new Uint8Array(300_000).fill(kind.data);
  flags[123_456] = kind.lost;
  const index = new FlagIndex(flags);
  assert.equal(index.any(0, 123_456), kind.data);
  assert.equal(index.any(123_456, 123_457), kind.lost);
  assert.equal(index.any(0, 300_000), kind.data | kind.lost);
  assert.equal(index.any(100_001, 299_999), kind.data | kind.lost);
  assert.equal(index.next(5, kind.lost), 123_456);
});

test("a refused request is two packets with their texts", () => {
  const request: Step = ["peer", Buffer.from("\0\x01nope\0octet\0")];
  const error: Step = ["us", Buffer.from("\0\x05\0\x01file not found\0")];
  const packets = read([request, error]);
  assert.equal(labelOf(packets, 1), "ERROR 1 “file not found”");
  assert.ok(packets.flags[1]! & kind.error && packets.flags[1]! & kind.ours);
});
