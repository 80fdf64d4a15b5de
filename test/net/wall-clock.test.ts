// The clock of this machine. Nothing here asserts that it is fast.

import assert from "node:assert/strict";
import { test } from "node:test";
import { wallClock } from "../../src/net/wall-clock.ts";

/** The clock's timers do not keep the process alive, so something else must. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const alive = setInterval(() => {}, 1000);
  try {
    return await work;
  } finally {
    clearInterval(alive);
  }
}

test("no wake-up is early, and each comes once", async () => {
  const waits = Array.from({ length: 200 }, (_, index) => index / 7);
  let wakes = 0;
  const late = waits.map((waitMillis) => {
    const deadline = wallClock.now() + waitMillis;
    return new Promise<number>((resolve) => {
      wallClock.at(deadline, () => {
        wakes += 1;
        resolve(wallClock.now() - deadline);
      });
    });
  });
  assert.deepEqual(
    (await awake(Promise.all(late))).filter((millis) => millis < 0),
    [],
  );
  assert.equal(wakes, waits.length);
});

test("a deadline in the past wakes soon, but not within the call", async () => {
  let returned = false;
  const woken = new Promise<boolean>((resolve) => {
    wallClock.at(wallClock.now() - 1000, () => resolve(returned));
    returned = true;
  });
  assert.equal(await awake(woken), true);
});

test("a wait of months does not wake at once", async () => {
  const cancel = wallClock.at(wallClock.now() + 2 ** 33, assert.fail);
  await awake(new Promise<void>((resolve) => wallClock.at(wallClock.now() + 20, resolve)));
  cancel();
});

test("a call that was taken back never comes", async () => {
  const cancel = wallClock.at(wallClock.now() + 5, assert.fail);
  cancel();
  await awake(new Promise<void>((resolve) => wallClock.at(wallClock.now() + 20, resolve)));
});

test("soon is after the promises of this turn", async () => {
  const order: string[] = [];
  const ran = new Promise<void>((resolve) =>
    wallClock.soon(() => {
      order.push("soon");
      resolve();
    }),
  );
  await Promise.resolve().then(() => order.push("promise"));
  await ran;
  assert.deepEqual(order, ["promise", "soon"]);
});
