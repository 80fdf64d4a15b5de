// How much is heard in one turn of the event loop.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Dwell, type Polled } from "../../src/net/dwell.ts";
import type { Libc } from "../../src/net/libc.ts";

/** `wait`: what epoll_pwait2 does, given the memory for its events instead of a pointer to it. */
function libcWhere(wait: (events: Int32Array) => number): Libc {
  const memories = new Map<number, Int32Array>();
  return {
    epoll_create1: () => 3,
    epoll_ctl: () => 0,
    addressOf: (memory: Int32Array) => {
      const pointer = 4096 * (memories.size + 1);
      memories.set(pointer, memory);
      return pointer;
    },
    epoll_pwait2: (_epoll: number, events: number) => wait(memories.get(events) as Int32Array),
  } as unknown as Libc;
}

/** Where a socket of descriptor 7 always has something more. */
const endless = libcWhere((events) => {
  events.fill(7);
  return 1;
});

test("however much comes, others have their turn, and then it is heard again", async () => {
  let heard = 0;
  const dwell = new Dwell(endless, (work) => work());
  const socket: Polled = {
    fd: 7,
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
  const dwell = new Dwell(endless, (work) => work());
  const socket: Polled = {
    fd: 7,
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
  new Dwell(libc, (work) => work()).after({ fd: 7, handleReadable });
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
  const dwell = new Dwell(libc, (work) => work());
  const busy: Polled = {
    fd: 7,
    handleReadable: () => {
      heard.busy += 1;
      return 1;
    },
  };
  const other: Polled = {
    fd: 8,
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
