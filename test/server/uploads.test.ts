// Uploads and how transfers end: what a client was told must be true.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { directory } from "../../src/index.ts";
import { ack, Device, data, error, rrq, wrq } from "./device.ts";
import { content, files, scene, writeAll } from "./scene.ts";

const timeout = 30_000;

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tidewire-server-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("the last ACK says that the file is there, whole and under its name", {
  timeout,
}, async (t) => {
  const root = await folder(t);
  const { to } = await scene(t, { storage: directory(root, { uploads: "create" }) });
  for (const [name, length] of Object.entries({ a: 0, b: 511, c: 512, d: 5000 })) {
    const device = await Device.open(t);
    await device.send(wrq(name), to);
    const { from } = await device.expectAck(0);
    await writeAll(device, content(length), from);
    assert.deepEqual(await readFile(join(root, name)), Buffer.from(content(length)));
  }
  assert.deepEqual((await readdir(root)).sort(), ["a", "b", "c", "d"]);
});

test("nothing stands under the name before the last block", { timeout }, async (t) => {
  const root = await folder(t);
  const { to, events } = await scene(t, { storage: directory(root, { uploads: "create" }) });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, content(512)), from);
  await device.expectAck(1);
  assert.equal((await readdir(root)).includes("up.bin"), false);
  await device.send(error(0, "changed my mind"), from);
  assert.equal((await events.nth("ended")).ending, "aborted");
  assert.deepEqual(await readdir(root), []);
});

test("a client that falls silent in an upload leaves no file", { timeout }, async (t) => {
  const root = await folder(t);
  const { to, events } = await scene(t, {
    storage: directory(root, { uploads: "create" }),
    limits: { timeoutMillis: 50, retries: 1 },
  });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, content(512)), from);
  const ended = await events.nth("ended");
  assert.equal(ended.ending, "failed");
  assert.equal(ended.error?.code, "TIMED_OUT");
  assert.deepEqual(await readdir(root), []);
});

test("the last ACK is repeated for a client that missed it", { timeout }, async (t) => {
  const storage = files();
  const { to, events } = await scene(t, { storage });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, "hello"), from);
  await device.expectAck(1);
  await events.nth("ended");
  // What follows at once is taken for a copy by the network: a device waits before it asks again.
  const timer = setInterval(() => device.send(data(1, "hello"), from), 200);
  await device.expectAck(1).finally(() => clearInterval(timer));
  assert.equal(events.of("ended").length, 1);
});

test("a client that never sends the last ACK is an ending of its own", { timeout }, async (t) => {
  const { to, events } = await scene(t, {
    storage: files(),
    limits: { timeoutMillis: 200, retries: 1 },
  });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { blksize: 4096 }), to);
  const { from } = await device.expect("oack");
  await device.send(ack(0), from);
  await device.expectData(1);
  await device.send(ack(1), from);
  await device.expectData(2);
  const { ending, transfer } = await events.nth("ended");
  assert.equal(ending, "unconfirmed");
  assert.ok(transfer.resent >= 1);
});

test("a client that never answers at all has failed", { timeout }, async (t) => {
  const { to, events } = await scene(t, {
    storage: files(),
    limits: { timeoutMillis: 50, retries: 2 },
  });
  const device = await Device.open(t);
  await device.send(rrq("hello.txt"), to);
  for (let times = 0; times < 2; times++) await device.expectData(1);
  const ended = await events.nth("ended");
  assert.equal(ended.ending, "failed");
  assert.equal(ended.error?.code, "TIMED_OUT");
  await device.expectSilence();
});

test("a finished upload takes no place among the transfers", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), limits: { transfersMax: 1 } });
  for (const name of ["a", "b", "c"]) {
    const device = await Device.open(t);
    await device.send(wrq(name), to);
    const { from } = await device.expectAck(0);
    await writeAll(device, content(700), from);
    await events.nth("ended", events.of("started").length);
  }
  assert.deepEqual(events.of("ignored"), []);
});

test("uploads are refused unless they are allowed", { timeout }, async (t) => {
  const root = await folder(t);
  const { to } = await scene(t, { storage: directory(root) });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  await device.expectError(2);
  assert.deepEqual(await readdir(root), []);
});

test("a request after a finished upload is a new one", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, "hello"), from);
  await device.expectAck(1);
  await events.nth("ended");
  await device.send(wrq("up.bin"), to);
  await device.expectError(6);
});

test("an existing file is refused with ERROR 6", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(wrq("five.bin"), to);
  await device.expectError(6);
});
