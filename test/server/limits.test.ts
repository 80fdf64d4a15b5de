// Each limit of a server, in virtual time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memory, type Storage } from "../../src/index.ts";
import { RatePerKey } from "../../src/server/rates.ts";
import { ack, data, rrq, wrq } from "./device.ts";
import { content, files } from "./scene.ts";
import { virtualServer } from "./virtual.ts";

const client = { host: "198.51.100.1", port: 2000 };
const neighbour = { host: "198.51.100.2", port: 2000 };
const other = { host: "203.0.113.1", port: 2000 };
const anybody = { storage: files() };

function portsOf(host: string, count: number): { host: string; port: number }[] {
  return Array.from({ length: count }, (_, at) => ({ host, port: 3000 + at }));
}

test("requests of one client are counted by the second, and come back with time", async () => {
  const virtual = virtualServer({ requestsPerSecondPerClient: 2 }, anybody);
  for (const from of portsOf(client.host, 3)) await virtual.ask(from, rrq("nope"));
  await virtual.ask(neighbour, rrq("nope"));
  assert.equal(virtual.events.of("refused").length, 3);
  assert.match(virtual.events.of("ignored")[0]?.error?.message ?? "", /too many requests/);
  await virtual.advanceTo(500);
  await virtual.ask(client, rrq("nope"));
  assert.equal(virtual.events.of("refused").length, 4);
});

test("less than one a second is one in several seconds, not none", async () => {
  const virtual = virtualServer({ errorsPerSecond: 0.5 }, anybody);
  const refused: number[] = [];
  for (const at of [0, 1000, 2000, 3000, 4000]) {
    await virtual.advanceTo(at);
    await virtual.ask(client, rrq("nope"));
    refused.push(virtual.events.of("refused").length);
  }
  assert.deepEqual(refused, [1, 1, 2, 2, 3]);
});

test("requests of a network are counted together: a /24, a /64", async () => {
  const virtual = virtualServer({ requestsPerSecondPerPrefix: 2 }, anybody);
  for (const from of [client, neighbour, { ...client, port: 1 }, other]) {
    await virtual.ask(from, rrq("nope"));
  }
  const hosts = ["2001:db8::1", "2001:db8::2:2", "2001:db8:0:0:9::", "2001:db8:0:1::1"];
  for (const host of hosts) await virtual.ask({ host, port: 1 }, rrq("nope"));
  const ignored = virtual.events.of("ignored").map(({ request }) => request.client.host);
  assert.deepEqual(ignored, [client.host, "2001:db8:0:0:9::"]);
});

test("by default no client is limited, so that a storm from one address is served", async () => {
  const virtual = virtualServer({}, anybody);
  for (const from of portsOf(client.host, 2000)) virtual.port.onDatagram(rrq("nope"), from);
  await virtual.advanceTo(1);
  assert.equal(virtual.events.of("refused").length, 2000);
});

test("refusals are counted, in all and for each client", async () => {
  const virtual = virtualServer({ errorsPerSecond: 4, errorsPerSecondPerClient: 3 }, anybody);
  for (const from of portsOf(client.host, 5)) await virtual.ask(from, rrq("nope"));
  assert.equal(virtual.port.sent.length, 3);
  for (const from of portsOf(other.host, 2)) await virtual.ask(from, rrq("nope"));
  assert.equal(virtual.port.sent.length, 4);
  assert.match(virtual.events.of("ignored")[0]?.error?.message ?? "", /too many errors/);
  await virtual.ask(neighbour, rrq("hello.txt"));
  assert.equal(virtual.events.of("started").length, 1);
});

test("a boot loader that looks for thirty names is told of each", async () => {
  const virtual = virtualServer({}, anybody);
  for (let name = 0; name < 30; name++) await virtual.ask(client, rrq(`pxelinux.cfg/${name}`));
  assert.equal(virtual.port.sent.length, 30);
});

test("however many addresses are forged, the memory for rates is bounded", () => {
  const rates = new RatePerKey(1, 100);
  for (let at = 0; at < 10_000; at++) assert.ok(rates.allows(`host ${at}`, 0));
  assert.ok(rates.size <= 200);
  assert.equal(rates.allows("host 9999", 0), false);
});

test("a name that is too long is refused", async () => {
  const virtual = virtualServer({ nameLengthMax: 9 }, anybody);
  await virtual.ask(client, rrq("hello.txt"));
  await virtual.ask(other, rrq("hello.text"));
  assert.equal(virtual.events.of("started").length, 1);
  assert.match(virtual.events.of("refused")[0]?.error.message ?? "", /too long/);
});

test("a transfer that takes too long is ended, even when it moves", async () => {
  const limits = { transferMillisMax: 4000 };
  const virtual = virtualServer(limits, anybody);
  await virtual.ask(client, rrq("five.bin"));
  for (let block = 1; block <= 3; block++) {
    await virtual.advanceTo(block * 1000);
    await virtual.answer(client, ack(block));
  }
  assert.deepEqual(virtual.events.of("ended"), []);
  await virtual.advanceTo(4000);
  const [ended] = virtual.events.of("ended");
  assert.equal(ended?.ending, "failed");
  assert.match(ended?.error?.message ?? "", /takes too long/);
});

test("a transfer that stands still is ended, one that moves is not", async () => {
  const virtual = virtualServer({ stalledMillisMax: 2000, retries: 100 }, anybody);
  await virtual.ask(client, rrq("five.bin"));
  await virtual.ask(other, rrq("five.bin"));
  for (let block = 1; block <= 8; block++) {
    await virtual.advanceTo(block * 500);
    await virtual.answer(client, ack(block));
  }
  const ended = virtual.events.of("ended");
  assert.deepEqual(
    ended.map(({ transfer }) => transfer.client),
    [other],
  );
  assert.match(ended[0]?.error?.message ?? "", /stands still/);
});

test("a storage that never answers holds no place for ever", async () => {
  const mute: Storage = { openRead: () => new Promise(() => {}), openWrite: async () => never };
  const never = { writev: async () => {}, commit: async () => {}, discard: async () => {} };
  const virtual = virtualServer({ stalledMillisMax: 2000, transfersMax: 1 }, { storage: mute });
  await virtual.ask(client, rrq("x"));
  await virtual.ask(other, wrq("y"));
  for (let time = 500; time <= 2500; time += 500) await virtual.advanceTo(time);
  assert.deepEqual(virtual.running(), [`${other.host} ${other.port}`]);
});

for (const stuck of ["writev", "discard"] as const) {
  test(`a ${stuck} that never answers holds no place for ever`, async () => {
    const fails = () => Promise.reject(new Error("the disk is gone"));
    const sink = { writev: fails, commit: async () => {}, discard: async () => {} };
    const storage: Storage = {
      openRead: () => new Promise(() => {}),
      openWrite: async () => ({ ...sink, [stuck]: () => new Promise<void>(() => {}) }),
    };
    const virtual = virtualServer({ stalledMillisMax: 2000 }, { storage });
    await virtual.ask(client, wrq("y"));
    await virtual.answer(client, data(1, "short"));
    for (let time = 500; time <= 4000; time += 500) await virtual.advanceTo(time);
    assert.equal(virtual.events.of("ended")[0]?.ending, "failed");
    assert.equal(virtual.server.stats().admitted, 0);
    await virtual.server.close(0);
    assert.equal(virtual.clock.alarms.size, 0);
  });
}

test("when nothing runs, no timer waits", async () => {
  const virtual = virtualServer({}, anybody);
  await virtual.ask(client, rrq("hello.txt"));
  await virtual.answer(client, ack(1));
  for (let time = 0; time <= 60_000; time += 15_000) await virtual.advanceTo(time);
  assert.equal(virtual.clock.alarms.size, 0);
});

test("all uploads together may store so much; those that fail do not count", async () => {
  const storage = memory({}, { uploads: "create" });
  const virtual = virtualServer({ uploadTotalBytesMax: 1000 }, { storage });
  const [a, b, c] = portsOf(client.host, 3) as [typeof client, typeof client, typeof client];
  await virtual.ask(a, wrq("a"));
  await virtual.answer(a, data(1, content(512)));
  await virtual.answer(a, Uint8Array.of(0, 5, 0, 0, 0));
  await virtual.ask(b, wrq("b"));
  await virtual.answer(b, data(1, content(512)));
  await virtual.answer(b, data(2, content(400)));
  await virtual.ask(c, wrq("c", { tsize: 89 }));
  assert.equal(virtual.events.of("refused")[0]?.error.code, "TOO_LARGE");
  await virtual.ask(c, wrq("c"));
  await virtual.answer(c, data(1, content(89)));
  assert.deepEqual(
    virtual.events.of("ended").map(({ ending }) => ending),
    ["aborted", "completed", "failed"],
  );
  assert.deepEqual([...storage.files.keys()], ["b"]);
});
