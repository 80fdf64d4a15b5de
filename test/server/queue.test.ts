// Who waits for a place among the transfers, who goes first, and who is forgotten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AdmissionQueue } from "../../src/server/queue.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { ack, error, rrq } from "./device.ts";
import { type VirtualServer, virtualServer } from "./virtual.ts";

const everybody = (): boolean => true;

function queue(max: number): { queue: AdmissionQueue<string>; dropped: string[] } {
  const dropped: string[] = [];
  return { queue: new AdmissionQueue<string>(max, (value) => dropped.push(value)), dropped };
}

/** `"a 1"` is a client of host a. */
function add(to: AdmissionQueue<string>, key: string, now = 0, retryMillis?: number): boolean {
  const [host = ""] = key.split(" ");
  const retry = retryMillis === undefined ? {} : { retryMillis };
  return to.add({ key, host, value: key, ...retry }, now);
}

function takeAll(from: AdmissionQueue<string>, now = 0): string[] {
  const taken: string[] = [];
  for (let next = from.take(now, everybody); next; next = from.take(now, everybody)) {
    taken.push(next);
  }
  return taken;
}

test("clients that have asked again go first", () => {
  const { queue: waiting } = queue(10);
  for (const key of ["a 1", "b 1", "c 1"]) add(waiting, key);
  waiting.renew("c 1", 1000);
  assert.deepEqual(takeAll(waiting, 1000), ["c 1", "a 1", "b 1"]);
  assert.equal(waiting.size, 0);
});

test("a copy of a request says nothing of when its client asks again", () => {
  const { queue: waiting, dropped } = queue(10);
  for (const key of ["a 1", "b 1"]) add(waiting, key);
  waiting.renew("b 1", 1);
  assert.deepEqual([takeAll(waiting, 5000), dropped], [["a 1", "b 1"], []]);
});

test("hosts take turns, however many clients one of them has", () => {
  const { queue: waiting } = queue(10);
  for (const key of ["a 1", "a 2", "a 3", "b 1", "c 1", "c 2"]) add(waiting, key);
  assert.deepEqual(takeAll(waiting), ["a 1", "b 1", "c 1", "a 2", "c 2", "a 3"]);
});

test("one host cannot take the whole queue", () => {
  const { queue: waiting, dropped } = queue(4);
  for (let port = 1; port <= 6; port++) add(waiting, `a ${port}`);
  assert.equal(waiting.size, 4);
  assert.ok(add(waiting, "b 1") && add(waiting, "b 2"));
  assert.deepEqual(dropped, ["a 1", "a 2"]);
  assert.equal(add(waiting, "b 3"), false);
  assert.ok(add(waiting, "c 1"));
  assert.equal(waiting.size, 4);
});

test("a host at its own limit keeps its turn and holds nobody up", () => {
  const { queue: waiting } = queue(10);
  for (const key of ["a 1", "b 1"]) add(waiting, key);
  assert.equal(
    waiting.take(0, (host) => host !== "a"),
    "b 1",
  );
  assert.equal(
    waiting.take(0, (host) => host !== "a"),
    undefined,
  );
  assert.equal(waiting.take(0, everybody), "a 1");
});

test("a client that has gone silent is not served, and one that asks again is", () => {
  const { queue: waiting, dropped } = queue(10);
  for (const key of ["a 1", "b 1"]) add(waiting, key);
  waiting.renew("b 1", 5000);
  assert.deepEqual(takeAll(waiting, 13_001), ["b 1"]);
  assert.deepEqual(dropped, ["a 1"]);
});

test("how long a client is waited for follows from how often it asks", () => {
  const { queue: waiting, dropped } = queue(10);
  add(waiting, "a 1", 0, 1000);
  add(waiting, "b 1", 0, 20_000);
  add(waiting, "c 1", 0);
  waiting.renew("c 1", 1000);
  assert.deepEqual(takeAll(waiting, 6001), ["b 1"]);
  assert.deepEqual(dropped, ["c 1", "a 1"]);
});

test("nobody is waited for longer than two minutes and three seconds", () => {
  const { queue: waiting } = queue(10);
  add(waiting, "a 1", 0, 255_000);
  add(waiting, "b 1", 1, 255_000);
  assert.deepEqual(takeAll(waiting, 123_001), ["b 1"]);
});

test("who makes room for another host is the one that has not asked again", () => {
  const { queue: waiting, dropped } = queue(3);
  for (const key of ["a 1", "a 2", "a 3"]) add(waiting, key);
  waiting.renew("a 1", 1000);
  assert.ok(add(waiting, "b 1", 1000));
  assert.deepEqual(dropped, ["a 2"]);
});

test("the silent make room when the queue is full", () => {
  const { queue: waiting, dropped } = queue(2);
  for (const key of ["a 1", "a 2"]) add(waiting, key);
  assert.equal(add(waiting, "a 3", 5000), false);
  assert.ok(add(waiting, "a 4", 20_000));
  assert.deepEqual(dropped, ["a 1", "a 2"]);
});

const clients = [1, 2, 3, 4].map((last) => ({ host: `198.51.100.${last}`, port: 2000 + last }));
const [first, second, third, fourth] = clients as [
  (typeof clients)[0],
  (typeof clients)[0],
  (typeof clients)[0],
  (typeof clients)[0],
];
const hello = rrq("hello.txt");

async function fullServer(limits = {}): Promise<VirtualServer> {
  const virtual = virtualServer({ transfersMax: 1, ...limits });
  await virtual.ask(first, hello);
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
  return virtual;
}

test("a request beyond the limit waits, and is served when a place is free", async () => {
  const virtual = await fullServer();
  await virtual.ask(second, hello);
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
  await virtual.answer(first, ack(1));
  assert.deepEqual(virtual.running(), ["198.51.100.2 2002"]);
  assert.deepEqual(virtual.events.of("ignored"), []);
  assert.deepEqual(virtual.port.sent, []);
});

test("a server passes its places on to those who retried, and forgets the silent", async () => {
  const virtual = virtualServer({ transfersMax: 1, retries: 60 });
  await virtual.ask(first, rrq("five.bin"));
  for (let block = 1; block < 10; block++) await virtual.answer(first, ack(block));
  for (const client of [second, third, fourth]) await virtual.ask(client, hello);
  await virtual.advanceTo(10_000);
  for (const client of [third, fourth]) await virtual.ask(client, hello);
  await virtual.advanceTo(12_000);
  await virtual.ask(fourth, hello);
  await virtual.advanceTo(14_000);
  for (const client of [first, third, fourth]) {
    assert.deepEqual(virtual.running(), [`${client.host} ${client.port}`]);
    await virtual.answer(client, ack(client === first ? 10 : 1));
  }
  assert.deepEqual(virtual.running(), []);
  assert.deepEqual(
    virtual.events
      .of("ignored")
      .map(({ request, error: reason }) => [request.client, reason?.code]),
    [[second, "BUSY"]],
  );
});

test("a client that gives up, or wants something else, leaves the queue", async () => {
  const virtual = await fullServer();
  await virtual.ask(second, hello);
  await virtual.ask(third, hello);
  await virtual.ask(second, error(0));
  await virtual.ask(third, rrq("five.bin"));
  await virtual.answer(first, ack(1));
  assert.deepEqual(
    virtual.server.snapshot().map(({ filename }) => filename),
    ["five.bin"],
  );
});

test("a full queue answers nobody and says so", async () => {
  const virtual = await fullServer({ queueMax: 1 });
  for (const client of [second, third]) await virtual.ask(client, hello);
  const [ignored] = virtual.events.of("ignored");
  assert.deepEqual(ignored?.request.client, third);
  assert.equal(ignored?.error?.code, "BUSY");
});

test("a storm ten times as large as the server is served whole, one after the other", async () => {
  const virtual = virtualServer({ transfersMax: 10 });
  const storm = Array.from({ length: 100 }, (_, at) => ({ host: `10.0.0.${at % 25}`, port: at }));
  for (const client of storm) virtual.port.onDatagram(hello, client);
  await virtual.advanceTo(1);
  for (let round = 0; round < 10; round++) {
    const now = virtual.server.snapshot().map(({ client }) => client);
    assert.equal(now.length, 10);
    for (const client of now) await virtual.answer(client, ack(1));
  }
  assert.equal(virtual.events.of("ended").length, 100);
  assert.ok(virtual.events.of("ended").every(({ ending }) => ending === "completed"));
});

test("who never answered makes room for who waits, and may ask again", async () => {
  const virtual = await fullServer();
  for (const time of [1000, 3000, 7000]) await virtual.advanceTo(time);
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
  await virtual.ask(second, hello);
  assert.deepEqual(virtual.running(), ["198.51.100.2 2002"]);
  await virtual.ask(first, hello);
  await virtual.answer(second, ack(1));
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
});

for (const [what, options, millis] of [
  ["plainly", {}, 7000],
  ["with a long timeout", { timeout: 255 }, 15_000],
] as const) {
  test(`who asked ${what} and never answered makes room for who asks again`, async () => {
    const virtual = virtualServer({ transfersMax: 1 });
    await virtual.ask(first, rrq("hello.txt", options));
    await virtual.advanceTo(500);
    await virtual.ask(second, hello);
    for (const time of [1000, 3000, 7000, millis]) await virtual.advanceTo(time);
    await virtual.ask(second, hello);
    assert.deepEqual(virtual.running(), ["198.51.100.2 2002"]);
  });
}

test("what our own storage takes is no silence of a client", async () => {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const openRead = async () => {
    await opened;
    return bytesSource(Buffer.from("hello"));
  };
  const openWrite = () => assert.fail("nobody writes");
  const storage = { openRead, openWrite };
  const virtual = virtualServer({ transfersMax: 1 }, { storage });
  await virtual.ask(first, hello);
  await virtual.advanceTo(16_000);
  open();
  await virtual.advanceTo(16_200);
  await virtual.ask(second, hello);
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
});

test("who has proved itself keeps its place, however slow it is", async () => {
  const virtual = virtualServer({ transfersMax: 1 });
  await virtual.ask(first, rrq("five.bin"));
  await virtual.answer(first, ack(1));
  for (const time of [1000, 3000, 7000, 15_000]) await virtual.advanceTo(time);
  await virtual.ask(second, hello);
  assert.deepEqual(virtual.running(), ["198.51.100.1 2001"]);
});

test("those who wait for what is missing are told so, one after the other", async () => {
  const virtual = await fullServer();
  for (const client of [second, third, fourth]) await virtual.ask(client, rrq("nope"));
  assert.equal(virtual.port.sent.length, 0);
  await virtual.answer(first, ack(1));
  assert.deepEqual(
    virtual.port.sent.map(([, to]) => to),
    [second, third, fourth],
  );
});

test("a server that closes lets nobody wait", async () => {
  const virtual = await fullServer();
  await virtual.ask(second, hello);
  const closed = virtual.server.close(0);
  await virtual.advanceTo(virtual.clock.time);
  await closed;
  assert.deepEqual(virtual.running(), []);
  assert.equal(virtual.events.of("ignored").length, 1);
});
