// Who makes room for those who wait, and how often that is looked at.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Overdue, type Watched } from "../../src/server/overdue.ts";
import { HandClock } from "../transfer/fakes.ts";

const unlimited = { transferMillisMax: Infinity, stalledMillisMax: Infinity };

test("of those that are watched, each that is mute makes room, whoever left before", () => {
  const overdue = new Overdue(new HandClock(), unlimited);
  const gaveUp: number[] = [];
  const all = Array.from({ length: 5 }, (_, at): Watched => {
    return {
      watch: undefined,
      bytes: 0,
      mute: at !== 3,
      abort: () => assert.fail("it is not overdue"),
      giveUp: () => {
        gaveUp.push(at);
        for (const each of all) overdue.forget(each); // as if all had ended with it
      },
    };
  });
  for (const each of all) overdue.watch(each);
  for (const at of [0, 2, 4]) overdue.forget(all[at] as Watched);
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
