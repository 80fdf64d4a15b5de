// Requests at the wire: repeated, malformed, broken off, begun anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Content, generated } from "../../src/index.ts";
import { ack, Device, data, error, rrq, wire, wrq } from "./device.ts";
import { content, files, readOn, scene, stillServes, writeAll } from "./scene.ts";

const timeout = 30_000;

const probes: readonly (readonly [string, number])[] = [
  ["EDK2 with ERROR 8", 8],
  ["iPXE and GRUB with ERROR 0", 0],
];
for (const [who, code] of probes) {
  test(`a probe, as of ${who}, is an ending of its own`, { timeout }, async (t) => {
    const { to, events, server } = await scene(t, { storage: files() });
    const device = await Device.open(t);
    await device.send(rrq("five.bin", { tsize: 0, blksize: 1468 }), to);
    const { from } = await device.expect("oack");
    await device.send(error(code, "User aborted the transfer"), from);
    const { ending, transfer } = await events.nth("ended");
    assert.equal(ending, "probe");
    assert.equal(transfer.size, 5000);
    assert.equal(transfer.bytes, 0);
    assert.deepEqual(server.snapshot(), []);
    await device.expectSilence();
  });
}

test("an ERROR after content has moved is no probe", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { tsize: 0 }), to);
  const { from } = await device.expect("oack");
  await device.send(ack(0), from);
  await device.expectData(1);
  await device.send(error(0, "enough"), from);
  const ended = await events.nth("ended");
  assert.equal(ended.ending, "aborted");
  assert.equal(ended.error?.origin, "remote");
  assert.equal(ended.error?.message, "enough");
});

test("a request that comes three times at once is answered once", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  for (const request of [rrq("five.bin"), rrq("five.bin", { tsize: 0 }), wrq("up.bin")]) {
    const device = await Device.open(t);
    await Promise.all([1, 2, 3].map(() => device.send(request, to)));
    await device.next();
    await stillServes(t, to);
    await device.expectSilence();
  }
  const names = events.of("started").map(({ transfer }) => transfer.filename);
  assert.deepEqual(
    names.filter((name) => name !== "hello.txt"),
    ["five.bin", "five.bin", "up.bin"],
  );
});

test("a request repeated while its content is opened is the same one", { timeout }, async (t) => {
  let calls = 0;
  let open = (_: Content): void => {};
  const opened = new Promise<Content>((resolve) => {
    open = resolve;
  });
  let asked = (): void => {};
  const wasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const storage = generated(({ name }) => {
    if (name !== "slow") return "hello";
    calls += 1;
    asked();
    return opened;
  });
  const { to, events } = await scene(t, { storage });
  const device = await Device.open(t);
  await device.send(rrq("slow"), to);
  await wasAsked;
  await device.send(rrq("slow"), to);
  await stillServes(t, to).catch(() => {});
  open("late");
  const { packet } = await device.expectData(1);
  assert.equal(Buffer.from(packet.payload).toString(), "late");
  await device.expectSilence();
  assert.equal(calls, 1);
  const names = events.of("started").map(({ transfer }) => transfer.filename);
  assert.deepEqual(
    names.filter((name) => name === "slow"),
    ["slow"],
  );
});

test("a copy of the request that is late in mid-transfer disturbs nothing", {
  timeout,
}, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  const { from } = await device.expectData(1);
  await device.send(ack(1), from);
  await device.expectData(2);
  await device.send(rrq("five.bin"), to);
  await stillServes(t, to);
  await device.expectSilence();
  await device.send(ack(2), from);
  await readOn(device, 2);
  await events.nth("ended", 2);
  assert.deepEqual(
    events.of("ended").map(({ ending }) => ending),
    ["completed", "completed"],
  );
});

test("a client that was silent and asks again has begun anew", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), limits: { timeoutMillis: 100 } });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  const { from } = await device.expectData(1);
  await device.send(ack(1), from);
  let block = 2;
  while (block === 2) {
    // Each time the server repeats itself the device asks anew.
    block = (await device.expect("data")).packet.block;
    await device.send(rrq("five.bin"), to);
  }
  assert.equal(block, 1);
  assert.equal((await events.nth("ended")).ending, "replaced");
});

test("another request from the same port replaces the transfer", { timeout }, async (t) => {
  const { to, events, server } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  const { from: earlier } = await device.expectData(1);
  await device.send(ack(1), earlier);
  await device.expectData(2);
  await device.send(rrq("hello.txt"), to);
  const { from } = await device.expectData(1);
  assert.notEqual(from.port, earlier.port);
  assert.equal((await events.nth("ended")).ending, "replaced");
  assert.equal(server.snapshot().length, 1);
  await device.send(ack(1), from);
  assert.equal((await events.nth("ended", 2)).ending, "completed");
});

test("the same file can be asked for again from the same port", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  for (const last of [ack(1), error(0, "closed"), ack(1)]) {
    await device.send(rrq("hello.txt"), to);
    const { from } = await device.expectData(1);
    await device.send(last, from);
    await events.nth("ended", events.of("started").length);
  }
  assert.deepEqual(
    events.of("ended").map(({ ending }) => ending),
    ["completed", "aborted", "completed"],
  );
});

test("a client that drops its options after the OACK is heard", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { blksize: 1024 }), to);
  await device.expect("oack");
  await device.send(rrq("five.bin"), to);
  const { packet } = await device.expectData(1);
  assert.equal(packet.payload.length, 512);
  assert.equal((await events.nth("ended")).ending, "replaced");
});

test("a client may answer to the port that it asked", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { blksize: 1024 }), to);
  const { from } = await device.expect("oack");
  await device.send(ack(0), to);
  const first = await device.expectData(1);
  assert.deepEqual(first.from, from);
  await device.send(ack(1), from);
  await readOn(device, 1, 1024);
  assert.equal((await events.nth("ended")).ending, "completed");
});

test("a client that acknowledges an ERROR opens nothing", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("nope.bin"), to);
  const { from } = await device.expectError(1);
  assert.deepEqual(from, to);
  await device.send(ack(0), from);
  await events.nth("stray");
  assert.deepEqual(events.of("started"), []);
});

const malformed: readonly (readonly [string, string])[] = [
  ["no name", "\0\x01\0octet\0"],
  ["no mode", "\0\x01boot.bin\0"],
  ["an unknown mode", "\0\x01boot.bin\0binary\0"],
  ["mail mode", "\0\x02root\0mail\0"],
  ["nothing at all", "\0\x01"],
];
for (const [what, text] of malformed) {
  test(`a request with ${what} is answered by ERROR 4`, { timeout }, async (t) => {
    const { to, events } = await scene(t, { storage: files() });
    const device = await Device.open(t);
    await device.send(wire(text), to);
    const { bytes } = await device.expectError(4);
    assert.equal(bytes.at(-1), 0);
    assert.deepEqual(events.of("started"), []);
  });
}

test("mode and option names count in any case", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(wire("\0\x01five.bin\0OcTeT\0BLKSIZE\x00600\0tSize\x000\0"), to);
  const { bytes } = await device.expect("oack");
  assert.equal(bytes.toString("latin1"), "\0\x06BLKSIZE\x00600\0tSize\x005000\0");
});

test("a missing file is refused from the port that was asked", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("nope.bin", { tsize: 0 }), to);
  const { from, packet } = await device.expectError(1);
  assert.deepEqual(from, to);
  assert.match(packet.message, /not found/);
  const { request, error: reason } = await events.nth("refused");
  assert.equal(request.filename, "nope.bin");
  assert.equal(request.client.port, device.address.port);
  assert.equal(reason.code, "FILE_NOT_FOUND");
});

test("a read and a write may run from one host at once", { timeout }, async (t) => {
  const storage = files();
  const { to } = await scene(t, { storage });
  const [reader, writer] = [await Device.open(t), await Device.open(t)];
  await Promise.all([reader.send(rrq("five.bin"), to), writer.send(wrq("up.bin"), to)]);
  const { from } = await writer.expectAck(0);
  const first = await reader.expectData(1);
  await writeAll(writer, content(3000), from);
  await reader.send(ack(1), first.from);
  await readOn(reader, 1);
  assert.deepEqual(storage.files.get("up.bin"), content(3000));
});

test("DATA that comes again is acknowledged again, and stored once", { timeout }, async (t) => {
  const storage = files();
  const { to, events } = await scene(t, { storage });
  const device = await Device.open(t);
  await device.send(wrq("up.bin", { timeout: 1 }), to);
  const { from } = await device.expect("oack");
  const first = content(512);
  await device.send(data(1, first), from);
  await device.expectAck(1);
  await device.expectAck(1); // after a second of silence
  await device.send(data(2, "end"), from);
  await device.expectAck(2);
  await events.nth("ended");
  assert.deepEqual(
    Buffer.from(storage.files.get("up.bin")!),
    Buffer.from([...first, ...Buffer.from("end")]),
  );
});
