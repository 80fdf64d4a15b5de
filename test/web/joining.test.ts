// What several servers tell, added up.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  joinEnded,
  joinMissing,
  joinRunning,
  joinSamples,
  joinStates,
  joinUnanswered,
} from "../../src/web/joining.ts";
import type {
  Entry,
  Missing,
  RunningTransfer,
  State,
  Tick,
  Unanswered,
} from "../../src/web/messages.ts";

const running = (id: string, startedAt: number): RunningTransfer =>
  ({ id, startedAt }) as RunningTransfer;
const ended = (id: string, endedAt: number): Entry => ({ id, endedAt }) as Entry;
const missed = (filename: string, count: number, lastAt: number, client: string): Missing => ({
  ...{ filename, count, lastAt, client },
  near: [],
});

test("samples of one second are added, the last second is not told yet", () => {
  const first = [
    [1000, 5, 1],
    [2000, 6, 0],
    [3000, 7, 0],
  ] as const;
  const second = [
    [2000, 10, 2],
    [3000, 20, 0],
    [4000, 30, 0],
  ] as const;
  assert.deepEqual(joinSamples([first, second]), [
    [1000, 5, 1],
    [2000, 16, 2],
    [3000, 27, 0],
  ]);
  assert.deepEqual(joinSamples([[], []]), []);
});

test("of what runs the newest are shown, the others counted", () => {
  const many = (prefix: string, count: number): RunningTransfer[] =>
    Array.from({ length: count }, (_, at) => running(`${prefix}.${at}`, at));
  const joined = joinRunning([
    { transfers: many("1", 40), more: 3, unanswered: 2 },
    { transfers: many("2", 40), more: 0, unanswered: 3 },
  ]);
  assert.equal(joined.transfers.length, 50);
  assert.equal(joined.more, 33);
  assert.equal(joined.unanswered, 5);
  assert.deepEqual(
    joined.transfers.slice(0, 3).map(({ startedAt }) => startedAt),
    [39, 39, 38],
  );
});

test("history is in the order of its ends, the newest first, and bounded", () => {
  const state = (history: readonly Entry[]): State => ({
    ...{ instance: "a", version: "1", addresses: [], uploads: "off", samples: [] },
    ...{ transfers: [], more: 0, unanswered: 0, history },
  });
  const joined = joinStates([
    state([ended("1.2", 30), ended("1.1", 10)]),
    state([ended("2.1", 20), ...Array.from({ length: 600 }, () => ended("2.0", 1))]),
  ]);
  assert.deepEqual(
    joined.history.slice(0, 3).map(({ id }) => id),
    ["1.2", "2.1", "1.1"],
  );
  assert.equal(joined.history.length, 500);
});

test("what ended since is told in order, the oldest first", () => {
  const tick = (...all: Entry[]): Tick => ({
    ...{ transfers: [], more: 0, unanswered: 0, ended: all },
    ...{ sample: null, standing: null },
  });
  const joined = joinEnded([tick(ended("1.1", 2), ended("1.2", 4)), tick(ended("2.1", 3))]);
  assert.deepEqual(
    joined.map(({ id }) => id),
    ["1.1", "2.1", "1.2"],
  );
});

test("a name that several did not find is one, with who asked last", () => {
  const joined = joinMissing([
    [missed("a", 2, 10, "first"), missed("b", 1, 5, "other")],
    [missed("a", 3, 9, "second")],
  ]);
  assert.deepEqual(joined, [missed("a", 5, 10, "first"), missed("b", 1, 5, "other")]);
});

test("what several did not answer is one for each client and name, the latest first", () => {
  const ignored = (filename: string, count: number, lastAt: number): Unanswered => ({
    ...{ op: "get", filename, client: "192.0.2.1", why: 'rule "ignore *"' },
    ...{ count, lastAt },
  });
  const joined = joinUnanswered([[ignored("a", 2, 10), ignored("b", 1, 5)], [ignored("b", 3, 12)]]);
  assert.deepEqual(joined, [ignored("b", 4, 12), ignored("a", 2, 10)]);
});
