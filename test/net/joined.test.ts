// Joined datagrams are told apart by their bytes alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { partSize } from "../../src/net/joined.ts";

function data(block: number, length: number): Buffer {
  const packet = Buffer.alloc(4 + length, block & 0xff);
  packet.writeUInt16BE(3, 0);
  packet.writeUInt16BE(block, 2);
  return packet;
}

const size = 4 + 8;

for (const [what, parts, expected] of [
  ["one full datagram", [data(1, 8)], size],
  ["one short datagram", [data(1, 5)], 9],
  ["three full ones", [data(1, 8), data(2, 8), data(3, 8)], size],
  ["two full ones and a short one", [data(1, 8), data(2, 8), data(3, 1)], size],
  ["two full ones and an empty block", [data(1, 8), data(2, 8), data(3, 0)], size],
  ["full ones in another order, and twice", [data(3, 8), data(1, 8), data(1, 8)], size],
  ["full ones about the end of the numbers", [data(65535, 8), data(0, 8), data(1, 8)], size],
  ["one datagram that is larger than agreed", [data(1, 20)], undefined],
  ["a larger one that looks like two at the place", [data(1, 8), data(1000, 8)], undefined],
  ["a short last datagram that came twice", [data(9, 2), data(9, 2)], undefined],
  ["a short one twice, together longer than one", [data(9, 5), data(9, 5)], undefined],
  ["an empty last datagram three times", [data(9, 0), data(9, 0), data(9, 0)], undefined],
  ["a short datagram whose payload repeats itself", [data(1, 4)], 8],
] as const) {
  test(`${what}: parts of ${expected ?? "unknown"} bytes`, () => {
    assert.equal(partSize(Buffer.concat(parts), size), expected);
  });
}

test("where nothing is joined every datagram is one, whatever it holds", () => {
  const twice = Buffer.concat([data(9, 2), data(9, 2)]);
  assert.equal(partSize(twice, Number.POSITIVE_INFINITY), twice.length);
});
