// A server that another one follows: what it goes on with, and what it passes on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";
import { ack, rrq } from "./device.ts";
import { type VirtualServer, virtualServer } from "./virtual.ts";

const first = { host: "198.51.100.1", port: 2001 };
const second = { host: "198.51.100.2", port: 2002 };
const third = { host: "198.51.100.3", port: 2003 };

interface Passed {
  readonly name: string;
  readonly from: Address;
}

/** `own`: whose packets are still for it. */
function handOn({ server }: VirtualServer): { passed: Passed[]; own: readonly Address[] } {
  const passed: Passed[] = [];
  const own = server.handOn((datagram, from) => {
    const packet = decode(datagram);
    passed.push({ name: "filename" in packet ? packet.filename : packet.op, from });
  });
  return { passed, own };
}

test("who runs stays, who waits and who comes goes to the next server", async () => {
  const virtual = virtualServer({ transfersMax: 1 });
  await virtual.ask(first, rrq("five.bin"));
  await virtual.ask(second, rrq("hello.txt"));
  const { passed, own } = handOn(virtual);
  assert.deepEqual(own, [first]);
  assert.deepEqual(passed, [{ name: "hello.txt", from: second }]);
  void virtual.server.close(60_000);
  await virtual.ask(third, rrq("hello.txt"));
  assert.deepEqual(passed.slice(1), [{ name: "hello.txt", from: third }]);
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
  assert.deepEqual(virtual.events.of("ignored"), []);
});

test("a repeated request stays, one for something else from the same port does not", async () => {
  const virtual = virtualServer({}, { singlePort: true });
  await virtual.ask(first, rrq("five.bin"));
  const { passed } = handOn(virtual);
  void virtual.server.close(60_000);
  await virtual.advanceTo(900);
  const before = virtual.port.sent.length;
  await virtual.ask(first, rrq("five.bin"));
  assert.equal(virtual.port.sent.length, before + 1);
  assert.deepEqual(passed, []);
  await virtual.ask(first, ack(1));
  await virtual.ask(first, rrq("hello.txt"));
  assert.deepEqual(passed, [{ name: "hello.txt", from: first }]);
  assert.deepEqual(virtual.running(), []);
});

test("each who closes a server hears of its end", async () => {
  const virtual = virtualServer({});
  await virtual.ask(first, rrq("five.bin"));
  const closed = Promise.all([virtual.server.close(60_000), virtual.server.close(60_000)]);
  await virtual.advanceTo(60_000);
  await closed;
  assert.deepEqual(virtual.running(), []);
});
