// Turns and deadlines: fair, bounded, and never early.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Deadline, Deadlines, type Timed } from "../../src/transfer/deadlines.ts";
import { Scheduler, type Task } from "../../src/transfer/scheduler.ts";
import { HandClock } from "./fakes.ts";

class Holder implements Timed {
  nextTimeout: number | undefined;
  deadline: Deadline | undefined;
}

class Work extends Holder implements Task {
  readonly #name: string;
  readonly #log: string[];
  left: number;

  constructor(name: string, log: string[], turns: number) {
    super();
    this.#name = name;
    this.#log = log;
    this.left = turns;
  }

  turn(now: number): boolean {
    this.#log.push(`${this.#name}@${now}`);
    this.left -= 1;
    if (this.nextTimeout !== undefined && this.nextTimeout <= now) this.nextTimeout = undefined;
    return this.left > 0;
  }
}

test("who wants more turns gets one in each round, in order", () => {
  const log: string[] = [];
  const clock = new HandClock();
  const scheduler = new Scheduler(clock);
  scheduler.run(new Work("a", log, 3));
  scheduler.run(new Work("b", log, 2));
  assert.deepEqual(log.splice(0), ["a@0", "b@0"]);
  clock.turn();
  assert.deepEqual(log.splice(0), ["a@0", "b@0"]);
  clock.turn();
  assert.deepEqual(log.splice(0), ["a@0"]);
  clock.turn();
  assert.deepEqual(log, []);
});

test("a deadline gives a turn, and not before", () => {
  const log: string[] = [];
  const clock = new HandClock();
  const scheduler = new Scheduler(clock);
  const [late, soon] = [new Work("late", log, 1), new Work("soon", log, 1)];
  late.nextTimeout = 200;
  soon.nextTimeout = 100;
  scheduler.run(late);
  scheduler.run(soon);
  log.length = 0;
  clock.advanceTo(99);
  assert.deepEqual(log, []);
  clock.advanceTo(100);
  clock.advanceTo(200);
  assert.deepEqual(log, ["soon@100", "late@200"]);
  assert.equal(clock.alarms.size, 0);
});

test("a deadline that moves later is not met at its old time", () => {
  const log: string[] = [];
  const clock = new HandClock();
  const scheduler = new Scheduler(clock);
  const work = new Work("x", log, 1);
  work.nextTimeout = 100;
  scheduler.run(work);
  work.nextTimeout = 300;
  scheduler.run(work);
  log.length = 0;
  clock.advanceTo(100);
  assert.deepEqual(log, []);
  clock.advanceTo(300);
  assert.deepEqual(log, ["x@300"]);
});

test("a deadline that is gone gives no turn", () => {
  const log: string[] = [];
  const clock = new HandClock();
  const scheduler = new Scheduler(clock);
  const work = new Work("x", log, 1);
  work.nextTimeout = 100;
  scheduler.run(work);
  work.nextTimeout = undefined;
  scheduler.run(work);
  log.length = 0;
  clock.advanceTo(1000);
  assert.deepEqual(log, []);
  assert.equal(clock.alarms.size, 0);
});

test("who has no deadline any more is not kept until it would have been due", () => {
  const deadlines = new Deadlines<Holder>();
  const holder = new Holder();
  holder.nextTimeout = 100;
  deadlines.watch(holder);
  const { deadline } = holder;
  assert.equal(deadline?.holder, holder);
  holder.nextTimeout = undefined;
  deadlines.watch(holder);
  assert.equal(deadline?.holder, undefined);
});

test("deadlines that move about expire as a sorted list would", () => {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 10) % below;
  };
  const deadlines = new Deadlines<Holder>();
  const holders = Array.from({ length: 50 }, () => new Holder());
  for (let now = 0; now < 2000; now++) {
    const moved = holders[random(50)] as Holder;
    moved.nextTimeout = random(5) === 0 ? undefined : now + 1 + random(100);
    deadlines.watch(moved);
    const due = holders.filter(({ nextTimeout }) => (nextTimeout ?? Infinity) <= now);
    const expired = new Set<Holder>();
    for (let holder = deadlines.takeExpired(now); holder; holder = deadlines.takeExpired(now)) {
      holder.nextTimeout = undefined;
      expired.add(holder);
    }
    assert.deepEqual(expired, new Set(due));
    const earliest = Math.min(...holders.map(({ nextTimeout }) => nextTimeout ?? Infinity));
    assert.ok((deadlines.earliest ?? Infinity) <= earliest);
  }
});

test("one whose deadline its turn does not move is asked again later, not for ever at once", () => {
  const log: string[] = [];
  const clock = new HandClock();
  const scheduler = new Scheduler(clock);
  const stuck = new Work("a", log, 1);
  const turn = stuck.turn.bind(stuck);
  stuck.turn = (now) => {
    if (log.length > 5) throw new Error("it loops");
    const more = turn(now);
    stuck.nextTimeout = 10;
    return more;
  };
  stuck.nextTimeout = 10;
  scheduler.run(stuck);
  clock.advanceTo(10);
  clock.advanceTo(11);
  assert.deepEqual(log, ["a@0", "a@10", "a@11"]);
});
