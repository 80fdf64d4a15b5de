// While more arrives than can be answered: who waits for others although there is a place, how
// long, and who goes first then.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ack, rrq } from "./device.ts";
import { type VirtualServer, virtualServer } from "./virtual.ts";

const hello = rrq("hello.txt");
const client = (last: number) => ({ host: `198.51.100.${last}`, port: 2000 + last });
const names = (...lasts: readonly number[]): string[] => {
  return lasts.map((last) => `${client(last).host} ${client(last).port}`);
};

/** Busy until it is told otherwise; two at a time are served meanwhile. */
async function rush(askers: number, limits = {}): Promise<VirtualServer & { end(): void }> {
  let busy = true;
  const virtual = virtualServer({ rushTransfersMax: 2, ...limits }, { isBusy: () => busy });
  for (let last = 1; last <= askers; last++) await virtual.ask(client(last), hello);
  return { ...virtual, end: () => void (busy = false) };
}

test("in a rush a request waits until a transfer ends", async () => {
  const virtual = await rush(4);
  assert.deepEqual(virtual.running(), names(1, 2));
  await virtual.answer(client(2), ack(1));
  assert.deepEqual(virtual.running(), names(1, 3));
  assert.deepEqual(virtual.events.of("ignored"), []);
});

test("who is not busy has nobody wait", async () => {
  const virtual = virtualServer({ rushTransfersMax: 2 });
  for (const last of [1, 2, 3]) await virtual.ask(client(last), hello);
  assert.deepEqual(virtual.running(), names(1, 2, 3));
});

test("nobody waits longer than a second for a rush alone", async () => {
  const virtual = await rush(30);
  for (let now = 90; now < 1000; now += 90) {
    await virtual.advanceTo(now);
    const [first] = virtual.server.snapshot();
    if (first) await virtual.answer(first.client, ack(1));
    assert.equal(virtual.running().length, 2);
  }
  await virtual.advanceTo(1020);
  assert.equal(virtual.running().length, 19);
});

test("where no transfer ends meanwhile, nobody waits for it longer than a fifth", async () => {
  const virtual = await rush(2);
  await virtual.advanceTo(100);
  await virtual.ask(client(3), hello);
  await virtual.advanceTo(299);
  assert.deepEqual(virtual.running(), names(1, 2));
  await virtual.advanceTo(320);
  assert.deepEqual(virtual.running(), names(1, 2, 3));
});

test("when the rush is over all begin, although no transfer ends", async () => {
  const virtual = await rush(5);
  await virtual.advanceTo(20);
  assert.deepEqual(virtual.running(), names(1, 2));
  virtual.end();
  await virtual.advanceTo(40);
  assert.deepEqual(virtual.running(), names(1, 2, 3, 4, 5));
});

test("who has waited begins before who comes when the rush is over", async () => {
  const virtual = await rush(4);
  virtual.end();
  await virtual.ask(client(5), hello);
  assert.deepEqual(virtual.running(), names(1, 2, 3, 4, 5));
});

test("where the queue has no room, a rush keeps nobody out", async () => {
  const virtual = await rush(4, { queueMax: 1 });
  assert.deepEqual(virtual.running(), names(1, 2, 4));
  assert.deepEqual(virtual.events.of("ignored"), []);
});

test("in a rush nobody loses his turn to another host, for there are places", async () => {
  const virtual = await rush(2, { queueMax: 2 });
  const { host } = client(3);
  for (const port of [3001, 3002]) await virtual.ask({ host, port }, hello);
  await virtual.ask(client(4), hello);
  assert.deepEqual(virtual.running(), names(1, 2, 4));
  assert.equal(virtual.server.stats().queued, 2);
  assert.deepEqual(virtual.events.of("ignored"), []);
});

test("in a rush nobody who is slow to answer has to make room", async () => {
  const virtual = await rush(2, { retries: 60 });
  await virtual.advanceTo(20_000);
  for (let asked = 0; asked < 2; asked++) await virtual.ask(client(3), hello);
  assert.deepEqual(virtual.running(), names(1, 2));
  await virtual.advanceTo(20_220);
  assert.deepEqual(virtual.running(), names(1, 2, 3));
});

test("a server that is closed leaves nobody waiting", async () => {
  const virtual = await rush(4);
  const closed = virtual.server.close(0);
  await virtual.advanceTo(20);
  await closed;
  assert.equal(virtual.server.stats().queued, 0);
  assert.deepEqual(virtual.running(), []);
});
