// Who makes room for those who wait, and how often that is looked at.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Overdue, type Watched } from "../../src/server/overdue.ts";
import { HandClock } from "../transfer/fakes.ts";

const unlimited = { transferMillisMax: Infinity, stalledMillisMax: Infinity };

/** So many whose clients are mute, and the numbers of those that gave up. */
function mutes(count: number) {
  const gaveUp: number[] = [];
  const all = Array.from({ length: count }, (_, at): Watched => {
    return {
      watch: undefined,
      bytes: 0,
      unprovenMillis: 0,
      mute: true,
      abort: () => assert.fail("it is not overdue"),
      giveUp: () => gaveUp.push(at),
    };
  });
  const overdue = new Overdue(new HandClock(), unlimited);
  for (const each of all) overdue.watch(each);
  return { overdue, all, gaveUp };
}

test("of those that are watched each that is mute makes room, whoever has left", () => {
  const { overdue, all, gaveUp } = mutes(5);
  for (const at of [0, 2, 4]) overdue.forget(all[at] as Watched);
  overdue.makeRoom();
  assert.deepEqual(gaveUp, [1, 3]);
});

test("who is forgotten twice takes nobody else along", () => {
  const { overdue, all, gaveUp } = mutes(2);
  for (let times = 0; times < 2; times++) overdue.forget(all[0] as Watched);
  overdue.makeRoom();
  assert.deepEqual(gaveUp, [1]);
});

test("a crowd of requests has the transfers looked through ten times a second at most", () => {
  const clock = new HandClock();
  const overdue = new Overdue(clock, unlimited);
  let looks = 0;
  const watched: Watched = {
    watch: undefined,
    bytes: 0,
    unprovenMillis: 0,
    get mute() {
      looks += 1;
      return false;
    },
    abort: () => assert.fail("it is not overdue"),
    giveUp: () => assert.fail("its client has answered"),
  };
  overdue.watch(watched);
  for (const time of [0, 1, 99, 100, 199, 200]) {
    clock.advanceTo(time);
    overdue.makeRoom();
  }
  assert.equal(looks, 3);
});

test("while this process was itself stopped no client stood still", () => {
  const clock = new HandClock();
  const overdue = new Overdue(clock, { ...unlimited, stalledMillisMax: 4000 });
  const aborted: number[] = [];
  overdue.watch({
    watch: undefined,
    bytes: 0,
    unprovenMillis: 0,
    mute: false,
    abort: () => aborted.push(clock.now()),
    giveUp: () => assert.fail("its client has answered"),
  });
  // From 1000 to 60,000 nothing ran, and no timer fired.
  for (const time of [1000, 60_000, 61_000, 62_000, 63_000, 64_000]) clock.advanceTo(time);
  assert.deepEqual(aborted, [63_000]);
});

test("of those that stay for a last ACK the first leave when there are too many", () => {
  const { overdue, all, gaveUp } = mutes(520);
  for (const each of all.slice(0, 515)) overdue.linger(each);
  assert.deepEqual(gaveUp, [0, 1, 2]);
  overdue.letGo(all[4] as Watched);
  for (const each of all.slice(515)) overdue.linger(each);
  assert.deepEqual(gaveUp, [0, 1, 2, 3, 5, 6, 7]);
});
