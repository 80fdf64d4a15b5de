// Datagrams of those who have no part in a transfer: RFC 1350 4 wants them turned away, not heard.

import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../net/free-port.ts";
import { ack, Device, data, error, rrq, wire, wrq } from "./device.ts";
import { content, files, readOn, scene, stillServes } from "./scene.ts";

const timeout = 30_000;

test("a stranger to a transfer hears ERROR 5 and the transfer goes on", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const [device, stranger] = [await Device.open(t), await Device.open(t)];
  await device.send(rrq("five.bin"), to);
  const first = await device.expectData(1);
  await stranger.send(ack(1), first.from);
  await stranger.expectError(5);
  await stranger.send(data(1, "x"), first.from);
  await device.expectSilence();
  await device.send(ack(1), first.from);
  assert.deepEqual(await readOn(device, 1), Buffer.from(content(5000).subarray(512)));
});

test("many packets of a stranger are answered by one ERROR", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const [device, stranger] = [await Device.open(t), await Device.open(t)];
  await device.send(rrq("five.bin"), to);
  const { from } = await device.expectData(1);
  for (let count = 0; count < 100; count++) await stranger.send(ack(1), from);
  await stranger.expectError(5);
  await stillServes(t, to);
  await stranger.expectSilence();
});

test("an ERROR of a stranger ends nothing and is not answered", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const [device, stranger] = [await Device.open(t), await Device.open(t)];
  await device.send(rrq("five.bin"), to);
  const { from } = await device.expectData(1);
  await stranger.send(error(0, "stop"), from);
  await device.send(ack(1), from);
  await readOn(device, 1);
  const { ending } = await events.nth("ended");
  assert.equal(ending, "completed");
  await stranger.expectSilence();
});

test("the right port of another host is a stranger", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const port = Number(await freePort());
  const device = await Device.open(t, "127.0.0.1", port);
  const stranger = await Device.open(t, "127.0.0.2", port);
  await device.send(rrq("five.bin"), to);
  const { from } = await device.expectData(1);
  await stranger.send(ack(1), from);
  await stranger.expectError(5);
  await device.expectSilence();
});

test("DATA, ACK and OACK of nobody at the listening port are turned away", {
  timeout,
}, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  for (const datagram of [ack(3), data(1, "abc"), wire("\0\x06tsize\x000\0")]) {
    await device.send(datagram, to);
    await device.expectError(5);
  }
  assert.equal(events.of("stray").length, 3);
});

test("ERRORs to strays are limited by the second", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), limits: { strayErrorsPerSecond: 1 } });
  const device = await Device.open(t);
  for (let count = 0; count < 20; count++) await device.send(ack(3), to);
  await device.expectError(5);
  await events.nth("stray", 20);
  await device.expectSilence();
});

test("an ERROR is never answered, neither by the port nor by a transfer", {
  timeout,
}, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(error(5), to);
  await device.send(wire("\0\x05\0\x01no NUL"), to);
  await stillServes(t, to);
  await device.expectSilence();
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(error(3, "disk full"), from);
  const ended = (await events.nth("ended", 2)).ending;
  await stillServes(t, to);
  await device.expectSilence();
  assert.equal(ended, "aborted");
});

test("what is neither a request nor of a transfer gets no echo", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  for (const text of ["", "\0", "\0\x07", "\0\x00abc", "\x01\x01abc", "\0\x04\x01", "hello"]) {
    await device.send(wire(text), to);
  }
  await events.nth("stray", 7);
  await stillServes(t, to);
  await device.expectSilence();
});

test("a server lives through a thousand random datagrams", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  let state = 12345;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let count = 0; count < 1000; count++) {
    const datagram = Uint8Array.from({ length: random(40) }, () => random(256));
    if (datagram.length > 1 && random(4) > 0) datagram.set([0, random(8)]);
    await device.send(datagram, to);
  }
  await stillServes(t, to);
});
