// When a process counts as busy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Load } from "../../src/net/load.ts";

/** Looks at the load after each stretch of time, of which so much was worked. */
function looked(...stretches: readonly (readonly [millis: number, worked: number])[]): boolean[] {
  let [now, used] = [0, 0];
  const load = new Load(
    () => now,
    () => used,
  );
  return stretches.map(([millis, worked]) => {
    now += millis;
    used += worked;
    return load.isHigh;
  });
}

test("who works most of the time is busy, and no longer when there is less to do", () => {
  assert.deepEqual(looked([20, 16], [20, 20], [20, 14], [1000, 700]), [true, true, false, false]);
});

test("moments between two looks change nothing", () => {
  assert.deepEqual(looked([20, 20], [10, 0], [5, 0], [5, 0]), [true, true, true, false]);
});

test("a process that runs is told of as it is", () => {
  assert.equal(typeof new Load().isHigh, "boolean");
});
