// How much is heard in one turn of the event loop.

import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { type TestContext, test } from "node:test";
import { Dwell, type Polled } from "../../src/net/dwell.ts";
import { type Libc, O_NONBLOCK } from "../../src/net/libc.ts";

/** `wait`: what epoll_pwait2 does, given the memory for its events instead of a pointer to it, and
 * whether it shall wait. `flag`: what is set for a descriptor. */
function libcWhere(
  wait: (events: Int32Array, waits: boolean) => number,
  flag: (fd: number, flags: number) => void = () => {},
): Libc {
  const memories = new Map<number, Int32Array>();
  return {
    epoll_create1: () => 3,
    epoll_ctl: () => 0,
    setsockopt: () => 0,
    fcntl: (fd: number, _what: number, flags: number) => flag(fd, flags),
    addressOf: (memory: Int32Array) => {
      const pointer = 4096 * (memories.size + 1);
      memories.set(pointer, memory);
      return pointer;
    },
    epoll_pwait2: (_epoll: number, events: number, _count: number, time: number) =>
      wait(memories.get(events) as Int32Array, memories.has(time)),
  } as unknown as Libc;
}

/** Where a socket of descriptor 7 always has something more. */
const endless = libcWhere(toldOfSeven);

function toldOfSeven(events: Int32Array): number {
  events.fill(7);
  return 1;
}

/** Nothing is sent. */
function unanswered(work: () => void): boolean {
  work();
  return false;
}

function answered(work: () => void): boolean {
  work();
  return true;
}

test("however much comes, others have their turn, and then it is heard again", async () => {
  let heard = 0;
  const dwell = new Dwell(endless, unanswered);
  const socket: Polled = {
    fd: 7,
    isOurs: true,
    handleReadable: () => {
      heard += 1;
      return 1;
    },
  };
  dwell.after(socket);
  const first = heard;
  assert.ok(first > 0);
  dwell.after(socket);
  assert.equal(heard, first);
  await new Promise(setImmediate);
  dwell.after(socket);
  assert.ok(heard > first);
});

test("a socket that is to be closed is heard no more", () => {
  let heard = 0;
  const dwell = new Dwell(endless, unanswered);
  const socket: Polled = {
    fd: 7,
    isOurs: true,
    handleReadable: () => {
      heard += 1;
      dwell.forget(socket);
      return 1;
    },
  };
  dwell.after(socket);
  assert.equal(heard, 1);
});

/** What is asked for by `Dwell`, in order: all sockets, of which none has anything, or one that has
 * `heard` datagrams each time. */
function callsAfter(heard: () => number): readonly string[] {
  const calls: string[] = [];
  const libc = libcWhere(() => {
    calls.push("all");
    return 0;
  });
  const handleReadable = (): number => {
    calls.push("it");
    return heard();
  };
  new Dwell(libc, unanswered).after({ fd: 7, isOurs: true, handleReadable });
  return calls;
}

test("a socket that alone had one datagram is looked at again before all are asked", () => {
  let left = 3;
  const calls = callsAfter(() => (--left > 0 ? 1 : 0));
  assert.deepEqual(calls.slice(0, 4), ["it", "it", "it", "all"]);
});

test("after several datagrams of a socket all are asked", () => {
  assert.deepEqual(callsAfter(() => 2).slice(0, 2), ["it", "all"]);
});

test("a socket that always has something keeps no other one waiting", async () => {
  const heard = { busy: 0, other: 0 };
  let otherHas = true;
  const libc = libcWhere((events) => {
    events.fill(otherHas ? 8 : 7);
    return 1;
  });
  const dwell = new Dwell(libc, unanswered);
  const busy: Polled = {
    fd: 7,
    isOurs: true,
    handleReadable: () => {
      heard.busy += 1;
      return 1;
    },
  };
  const other: Polled = {
    fd: 8,
    isOurs: true,
    handleReadable: () => {
      heard.other += 1;
      otherHas = false;
      return heard.other === 1 ? 1 : 0;
    },
  };
  dwell.after(other);
  const before = heard.busy;
  otherHas = true;
  heard.other = 0;
  await new Promise(setImmediate);
  dwell.after(busy);
  assert.ok(heard.other > 0);
  assert.ok(heard.busy > before);
});

/** A socket whose peer answers soon, and nobody else: its next datagram is there once it was waited
 * for, by asking all or in the call that receives. */
class Alone implements Polled {
  readonly fd = 7;
  readonly isOurs: boolean = true;
  readonly dwell: Dwell;
  /** What was done, in order: "all" for each time that all were asked and waited for, "it" for what
   * was waited for in receiving, and how the descriptor was set. */
  readonly log: string[] = [];
  now = 0;
  closed = false;
  /** Of whom is told when all are asked. */
  told = 7;
  /** In what time, and how many datagrams, it receives when it waits. */
  onWait: () => number = () => 1;
  #has = false;

  constructor(t: TestContext, gather = answered, more: Partial<Libc> = {}) {
    t.mock.method(performance, "now", () => this.now);
    const wait = (events: Int32Array, waits: boolean): number => {
      this.now += 0.01;
      if (!waits || this.closed) return 0;
      this.log.push("all");
      this.#has = true;
      events.fill(this.told);
      return 1;
    };
    const flag = (_fd: number, flags: number): void => {
      this.log.push((flags & O_NONBLOCK) === 0 ? "blocks" : "does not block");
    };
    this.dwell = new Dwell({ ...libcWhere(wait, flag), ...more }, gather);
  }

  handleReadable(waits = false): number {
    this.now += 0.02;
    if (waits) {
      this.log.push("it");
      return this.onWait();
    }
    const had = this.#has;
    this.#has = false;
    return had ? 1 : 0;
  }

  async turn(): Promise<readonly string[]> {
    this.log.length = 0;
    this.dwell.after(this);
    await new Promise(setImmediate);
    return [...this.log];
  }
}

test("a socket that stays alone is waited for in receiving, ever more often", async (t) => {
  const log = await new Alone(t).turn();
  const blocks = log.indexOf("blocks");
  assert.ok(log.slice(0, blocks).every((done) => done === "all"));
  assert.ok(blocks >= 8);
  const between = log
    .slice(blocks + 1, -1)
    .join(" ")
    .split(" all");
  const times = between.map((run) => run.split("it").length - 1);
  assert.deepEqual(times.slice(0, 4), [8, 9, 10, 11]);
});

test("Node never meets a descriptor that blocks", async (t) => {
  const socket = new Alone(t);
  assert.equal((await socket.turn()).at(-1), "does not block");
  socket.onWait = () => {
    throw new Error("broken");
  };
  await assert.rejects(socket.turn(), /broken/);
  assert.equal(socket.log.at(-1), "does not block");
});

test("a descriptor that another process may have is not made to block", async (t) => {
  const socket = Object.assign(new Alone(t), { isOurs: false });
  assert.ok((await socket.turn()).every((done) => done === "all"));
});

test("a descriptor that cannot be told how long to block does not", async (t) => {
  const log = await new Alone(t, answered, { setsockopt: () => -1 }).turn();
  assert.ok(!log.includes("blocks"));
});

test("where nothing was answered, nothing is waited for in receiving", async (t) => {
  assert.ok((await new Alone(t, unanswered).turn()).every((done) => done === "all"));
});

test("who does not answer in time is not waited for again soon", async (t) => {
  const socket = new Alone(t);
  socket.onWait = () => 0;
  const log = await socket.turn();
  const first = log.indexOf("it");
  assert.ok(first > 0);
  assert.deepEqual(log.slice(first + 1, first + 10), ["does not block", ...Array(8).fill("all")]);
});

test("who answers late is waited for among all again", async (t) => {
  const socket = new Alone(t);
  socket.onWait = () => {
    socket.now += 1;
    return 1;
  };
  assert.ok((await socket.turn()).includes("it"));
  assert.deepEqual((await socket.turn()).slice(0, 8), Array(8).fill("all"));
});

test("what is closed while it is waited for is not touched any more", async (t) => {
  const socket = new Alone(t);
  socket.onWait = () => {
    socket.dwell.forget(socket);
    socket.closed = true;
    socket.log.push("closed");
    return 1;
  };
  const log = await socket.turn();
  assert.deepEqual(log.slice(log.indexOf("it")), ["it", "does not block", "closed"]);
});

test("what is closed when another one is heard is not touched any more", async (t) => {
  const socket = new Alone(t);
  let heard = 0;
  const other: Polled = {
    fd: 8,
    isOurs: true,
    handleReadable: () => {
      if (socket.told !== 8) return 0;
      if (++heard === 2) {
        socket.dwell.forget(socket);
        socket.log.push("closed");
        socket.now += 4;
      }
      return 1;
    },
  };
  socket.dwell.after(other);
  await new Promise(setImmediate);
  socket.onWait = () => {
    socket.told = 8;
    return 1;
  };
  const log = await socket.turn();
  assert.ok(log.includes("blocks"));
  assert.equal(log.at(-1), "closed");
});
