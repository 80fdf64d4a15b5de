// How much is heard in one turn of the event loop.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Dwell, type Polled } from "../../src/net/dwell.ts";
import type { Libc } from "../../src/net/libc.ts";

/** Where a socket of descriptor 7 always has something more. */
const endless = {
  epoll_create1: () => 3,
  epoll_ctl: () => 0,
  epoll_pwait2: (_epoll: number, events: Int32Array) => {
    events.fill(7);
    return 1;
  },
} as unknown as Libc;

test("however much comes, others have their turn, and then it is heard again", async () => {
  let heard = 0;
  const dwell = new Dwell(endless, (work) => work());
  const socket: Polled = { fd: 7, handleReadable: () => void (heard += 1) };
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
    },
  };
  dwell.after(socket);
  assert.equal(heard, 1);
});
