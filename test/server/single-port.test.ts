// Single-port mode: every packet of a transfer leaves from the port that was asked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { noise } from "../loopback/pair.ts";
import { ack, Device, data, rrq, wrq } from "./device.ts";
import { content, files, readOn, scene } from "./scene.ts";
import { virtualServer } from "./virtual.ts";

const timeout = 30_000;
const singlePort = true;

test("a read is answered from the listening port to its end", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files(), singlePort });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { blksize: 1000 }), to);
  assert.deepEqual((await device.expect("oack")).from, to);
  await device.send(ack(0), to);
  for (let block = 1; block <= 6; block++) {
    assert.deepEqual((await device.expectData(block)).from, to);
    await device.send(ack(block), to);
  }
  await device.expectSilence();
});

test("an upload is taken at the listening port", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), singlePort });
  const device = await Device.open(t);
  await device.send(wrq("new.txt"), to);
  assert.deepEqual((await device.expectAck(0)).from, to);
  await device.send(data(1, "short"), to);
  assert.deepEqual((await device.expectAck(1)).from, to);
  assert.equal((await events.nth("ended")).ending, "completed");
});

test("transfers side by side do not disturb each other", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files(), singlePort });
  const devices = await Promise.all([Device.open(t), Device.open(t), Device.open(t)]);
  for (const device of devices) await device.send(rrq("five.bin"), to);
  for (const device of devices) {
    await device.expectData(1);
    await device.send(ack(1), to);
  }
  for (const device of devices) {
    assert.deepEqual(await readOn(device, 1), Buffer.from(content(5000).subarray(512)));
  }
});

test("a device may begin its next transfer from the same port at once", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), singlePort });
  const device = await Device.open(t);
  for (let round = 1; round <= 3; round++) {
    await device.send(rrq("five.bin"), to);
    await device.expectData(1);
    await device.send(ack(1), to);
    await readOn(device, 1);
    await events.nth("ended", round);
    await device.send(ack(10), to); // late, and not to be answered: ERROR 5 would hit what is next
  }
  await device.expectSilence();
});

test("a repeated request repeats the answer and begins nothing", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), singlePort });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { blksize: 600 }), to);
  await device.expect("oack");
  await device.send(rrq("five.bin", { blksize: 600 }), to);
  await device.expect("oack");
  assert.equal(events.of("started").length, 1);
});

test("a packet of nobody is turned away with ERROR 5", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files(), singlePort });
  const device = await Device.open(t);
  await device.send(ack(3), to);
  await device.expectError(5);
});

test("a server that closes lets what runs go on at its port", { timeout }, async (t) => {
  const { server, to } = await scene(t, { storage: files(), singlePort });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  await device.expectData(1);
  const closed = server.close({ graceMillis: 20_000 });
  await device.send(ack(1), to);
  assert.deepEqual(await readOn(device, 1), Buffer.from(content(5000).subarray(512)));
  await closed;
});

test("large windows arrive whole, both ways", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files(), singlePort });
  const whole = noise(3_000_000);
  const url = `tftp://${to.host}:${to.port}/large.bin`;
  await put(url, whole);
  assert.deepEqual(await get(url).bytes(), whole);
});

for (const mode of ["a port for each transfer", "a single port"] as const) {
  test(`with ${mode}, an answer that cannot be sent is told as a problem`, async () => {
    const parts = { singlePort: mode === "a single port" };
    const { ask, port, events } = virtualServer({}, parts);
    const [one, other] = [4000, 4001].map((number) => ({ host: "192.0.2.7", port: number }));
    assert.ok(one && other);
    await ask(one, rrq("five.bin"));
    const cause = new Error("no route");
    port.onError(cause, other);
    port.onError(cause);
    const told = events.of("problem").map(({ error }) => [error.message, error.cause]);
    const problem = ["an answer could not be sent", cause];
    assert.deepEqual(told, [problem, problem]);
    assert.equal(events.of("ended").length, 0);
  });
}

test("what cannot be sent for a transfer is that transfer's end alone", async () => {
  const { ask, port, events } = virtualServer({}, { singlePort });
  const from = { host: "192.0.2.7", port: 4000 };
  await ask(from, rrq("five.bin"));
  port.onError(new Error("no route"), from);
  await ask({ ...from, port: 4001 }, ack(1));
  assert.deepEqual(
    events.of("ended").map(({ error }) => error?.message),
    ["the network refused a packet"],
  );
  assert.equal(events.of("problem").length, 0);
});
