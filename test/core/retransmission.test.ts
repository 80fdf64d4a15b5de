// When something is repeated: measured, doubled, spread, bounded.

import assert from "node:assert/strict";
import { test } from "node:test";
import { RetransmissionTimer } from "../../src/core/retransmission.ts";

function timer(jitter = 0, attempts = 100): RetransmissionTimer {
  return new RetransmissionTimer({ timeoutMillis: 1000, attempts, jitter }, 100);
}

test("without a round trip the plain timeout holds", () => {
  assert.equal(timer().intervalMillis, 1000);
});

test("intervals double up to eight times the plain timeout", () => {
  const measured = timer();
  const seen: number[] = [];
  for (let i = 0; i < 6; i++) {
    seen.push(measured.intervalMillis);
    measured.expired();
  }
  assert.deepEqual(seen, [1000, 2000, 4000, 8000, 8000, 8000]);
});

test("no interval is longer than it may be", () => {
  const patience = { timeoutMillis: 1000, longestMillis: 1500, attempts: 100, jitter: 0 };
  const bounded = new RetransmissionTimer(patience, 100);
  bounded.expired();
  assert.equal(bounded.intervalMillis, 1500);
});

test("progress brings back the first interval", () => {
  const doubled = timer();
  doubled.expired();
  doubled.expired();
  doubled.progress();
  assert.equal(doubled.intervalMillis, 1000);
});

test("an opening may have fewer attempts than what follows its first block", () => {
  const patience = { timeoutMillis: 1000, attempts: 3, openingAttempts: 1, jitter: 0 };
  const repeats = (opening: RetransmissionTimer): number => {
    let count = 0;
    while (opening.expired()) count += 1;
    return count;
  };
  const opening = new RetransmissionTimer(patience, 100);
  assert.equal(repeats(opening), 1);
  opening.progress(); // the answer
  assert.equal(repeats(opening), 1);
  opening.progress(); // a block
  assert.equal(repeats(opening), 3);
});

test("jitter lengthens an interval by an eighth at most", () => {
  assert.equal(timer(0).intervalMillis, 1000);
  assert.equal(timer(0.5).intervalMillis, 1062.5);
  assert.equal(timer(1).intervalMillis, 1125);
});

test("a measured path shortens the interval, but not below the floor beyond its round trip", () => {
  const measured = timer();
  for (let i = 0; i < 50; i++) measured.measured(40);
  assert.equal(measured.roundTrip, 40);
  assert.equal(measured.intervalMillis, 140);
});

test("a path whose round trips vary gets a longer interval", () => {
  const measured = timer();
  for (let i = 0; i < 50; i++) measured.measured(i % 2 === 0 ? 20 : 220);
  assert.ok(measured.intervalMillis > 400, `${measured.intervalMillis} ms`);
});

test("the shortest round trip is remembered, also that of a part of a window", () => {
  const measured = timer();
  measured.answered(30);
  measured.measured(50);
  assert.equal(measured.roundTripMin, 30);
  measured.measured(20);
  assert.equal(measured.roundTripMin, 20);
});

test("a negotiated timeout knows no measuring, no doubling and no jitter", () => {
  const exact = timer(1);
  exact.agree(3000);
  exact.measured(10);
  exact.expired();
  exact.expired();
  assert.equal(exact.intervalMillis, 3000);
  assert.equal(exact.nominalMillis, 3000);
});

test("only intervals of a plain timeout or more use up attempts", () => {
  const measured = timer(0, 1);
  measured.measured(0);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => measured.expired()),
    [
      true, // 100 ms
      true, // 200 ms
      true, // 400 ms
      true, // 800 ms
      true, // 1600 ms, the one that counts
      false,
    ],
  );
});

test("starting sets a deadline, stopping and expiring take it back", () => {
  const running = timer();
  running.start(500);
  assert.equal(running.deadline, 1500);
  running.stop();
  assert.equal(running.deadline, undefined);
  running.start(500);
  running.expired();
  assert.equal(running.deadline, undefined);
});
