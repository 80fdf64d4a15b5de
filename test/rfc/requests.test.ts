// What the RFCs say of requests and of who talks to whom, where no other test shows it.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { get, put, serve, TftpError } from "../../src/index.ts";
import { Scripted } from "../client/scripted.ts";
import { pair } from "../loopback/pair.ts";
import { ack, Device, data, error, rrq, wire, wrq } from "../server/device.ts";
import { content, files, readOn, scene, stillServes } from "../server/scene.ts";

const timeout = 30_000;

test("a server listens on port 69 unless it is told otherwise", { timeout }, async () => {
  try {
    await using server = await serve({ storage: files(), host: "127.0.0.1" });
    assert.equal(server.address.port, 69);
  } catch (thrown) {
    // Few may open it; what matters is which one was tried.
    assert.ok(thrown instanceof TftpError && thrown.code === "NETWORK", String(thrown));
    assert.match(thrown.message, /\bport 69\b/);
  }
});

test("a server answers from another port than it was asked at, for each pair of ends one", {
  timeout,
}, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  const portOf = async (request: Uint8Array, from: Device): Promise<number> => {
    await from.send(request, to);
    return (await from.next()).from.port;
  };
  const first = await portOf(rrq("five.bin"), device);
  const again = await portOf(rrq("five.bin", { tsize: 0 }), device);
  const uploads = [
    await portOf(wrq("a"), await Device.open(t)),
    await portOf(wrq("b"), await Device.open(t)),
  ];
  assert.equal(new Set([to.port, first, again, ...uploads]).size, 5);
});

test("each transfer of a client has a port of its own", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const names = ["a", "b", "c"];
  const texts = names.map((name) => get(server.url(name), { plain: true }).text());
  const ports = new Set<number>();
  for (const _ of names) {
    const { client, request, send } = await server.asked("rrq");
    ports.add(client.port);
    await send(data(1, request.filename));
  }
  assert.equal(ports.size, 3);
  assert.deepEqual(await Promise.all(texts), names);
});

test("a request to a broadcast address reaches only a server on 0.0.0.0", {
  timeout,
  // Elsewhere loopback has no broadcast address.
  skip: process.platform !== "linux",
}, async (t) => {
  const named = await scene(t, { storage: files() });
  const any = await scene(t, { storage: files(), host: "0.0.0.0" });
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
  socket.setBroadcast(true);
  const from = { host: "127.0.0.1", port: socket.address().port };
  for (const { to } of [named, any]) socket.send(rrq("nope"), to.port, "127.255.255.255");
  assert.deepEqual((await any.events.nth("refused")).request.client, from);
  await stillServes(t, named.to);
  await named.events.nth("started");
  assert.deepEqual(named.events.of("refused"), []);
});

test("a request longer than 512 bytes is sent and served all the same", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  const name = "long/".repeat(120);
  await put(url(`${name}x`), content(700));
  assert.deepEqual([...storage.files.keys()], [`${name}x`]);
  assert.deepEqual(Buffer.from(await get(url(`${name}x`)).bytes()), Buffer.from(content(700)));
});

test("a packet that makes no sense ends no transfer and is not answered", {
  timeout,
}, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const [reader, writer] = [await Device.open(t), await Device.open(t)];
  await reader.send(rrq("five.bin"), to);
  const { from } = await reader.expectData(1);
  const nonsense = [
    wire("\0\x09"),
    wire("?"),
    data(1, "x"),
    rrq("a"),
    wire("\0\x06blksize\x008\0"),
  ];
  for (const datagram of nonsense) await reader.send(datagram, from);
  await reader.expectSilence();
  await reader.send(ack(1), from);
  await readOn(reader, 1);
  assert.equal((await events.nth("ended")).ending, "completed");

  await writer.send(wrq("up.bin"), to);
  const { from: sink } = await writer.expectAck(0);
  for (const datagram of [wire("\0\x03\0"), ack(7), wrq("b")]) await writer.send(datagram, sink);
  await writer.expectSilence();
  await writer.send(data(1, "end"), sink);
  await writer.expectAck(1);
  assert.equal((await events.nth("ended", 2)).ending, "completed");
});

test("the text of an ERROR ends with a NUL and its code may be any", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const failed = put(server.url(), content(10), { plain: true });
  const asked = await server.asked("wrq");
  await asked.send(error(300, "out of tape"));
  await assert.rejects(failed, { code: "UNDEFINED", wireCode: 300, message: /out of tape/ });
  const { to } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("nope"), to);
  const { bytes } = await device.expectError(1);
  assert.equal(bytes.indexOf(0, 4), bytes.length - 1);
});
