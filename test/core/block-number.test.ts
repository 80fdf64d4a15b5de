// Wire numbers of 16 bits and block numbers without bound, there and back.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { latestUpTo, toWire } from "../../src/core/block-number.ts";

const rollover = fc.constantFrom(0 as const, 1 as const);
const windowMax = 65535;

test("after 65535 comes 0, or 1 where that is agreed", () => {
  assert.deepEqual(
    [65535, 65536, 65537, 131072].map((block) => toWire(block, 0)),
    [65535, 0, 1, 0],
  );
  assert.deepEqual(
    [65535, 65536, 131070, 131071].map((block) => toWire(block, 1)),
    [65535, 1, 65535, 1],
  );
});

test("every block of the largest window is found again, far beyond 2^32", () => {
  const limits = fc.oneof(
    fc.integer({ min: 1, max: 200_000 }),
    fc.bigInt({ min: 2n ** 32n, max: 2n ** 45n }).map(Number),
  );
  fc.assert(
    fc.property(limits, fc.nat(windowMax - 1), rollover, (limit, back, to) => {
      const block = limit - back;
      if (block > 0) assert.equal(latestUpTo(limit, toWire(block, to), to), block);
    }),
    { numRuns: 2000 },
  );
});

test("block 0 is found as long as no later block bears its number", () => {
  assert.equal(latestUpTo(0, 0, 0), 0);
  assert.equal(latestUpTo(65535, 0, 0), 0);
  assert.equal(latestUpTo(65536, 0, 0), 65536);
  assert.equal(latestUpTo(70000, 0, 1), 0);
});

test("a number that no block up to the limit bears is none", () => {
  assert.equal(latestUpTo(5, 6, 0), -1);
  assert.equal(latestUpTo(5, 65535, 0), -1);
  assert.equal(latestUpTo(5, 6, 1), -1);
  assert.equal(latestUpTo(-1, 0, 0), -1);
  assert.equal(latestUpTo(-1, 0, 1), -1);
});
