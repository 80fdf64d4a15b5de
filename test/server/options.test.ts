// Options at the wire: what typical devices ask, and the exact bytes of the answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openSocket } from "../../src/net/node-network.ts";
import { ack, Device, rrq, wire, wrq } from "./device.ts";
import { files, scene } from "./scene.ts";

const timeout = 30_000;

interface Case {
  readonly who: string;
  /** After the mode of a RRQ for five.bin, 5000 bytes. */
  readonly asks: string;
  /** After the opcode; "" means DATA 1 at once. */
  readonly hears: string;
}

const cases: readonly Case[] = [
  {
    who: "iPXE",
    asks: "blksize\x001432\0tsize\x000\0",
    hears: "blksize\x001432\0tsize\x005000\0",
  },
  {
    who: "PXELINUX",
    asks: "tsize\x000\0blksize\x001408\0",
    hears: "tsize\x005000\0blksize\x001408\0",
  },
  {
    who: "GRUB",
    asks: "blksize\x001024\0tsize\x000\0",
    hears: "blksize\x001024\0tsize\x005000\0",
  },
  {
    who: "EDK2",
    asks: "tsize\x000\0blksize\x001468\0windowsize\x004\0",
    hears: "tsize\x005000\0blksize\x001468\0windowsize\x004\0",
  },
  {
    who: "U-Boot",
    asks: "timeout\x005\0tsize\x000\0blksize\x001468\0windowsize\x001\0",
    hears: "timeout\x005\0tsize\x005000\0blksize\x001468\0windowsize\x001\0",
  },
  {
    who: "curl",
    asks: "tsize\x000\0blksize\x00512\0timeout\x006\0",
    hears: "tsize\x005000\0blksize\x00512\0timeout\x006\0",
  },
  { who: "busybox", asks: "tsize\x000\0", hears: "tsize\x005000\0" },
  {
    who: "atftp with an empty multicast",
    asks: "tsize\x000\0multicast\0\0",
    hears: "tsize\x005000\0",
  },
  { who: "tftp-hpa", asks: "", hears: "" },
  {
    who: "one that asks for the impossible",
    asks: "blksize\x0065535\0",
    hears: "blksize\x0065464\0",
  },
  {
    who: "one with a window too large",
    asks: "windowsize\x0065535\0",
    hears: "windowsize\x0064\0",
  },
  { who: "one with a timeout of an hour", asks: "timeout\x003600\0", hears: "" },
  { who: "one with a block of 7 bytes", asks: "blksize\x007\0", hears: "" },
  {
    who: "one with a negative block",
    asks: "blksize\x00-1\0tsize\x000\0",
    hears: "tsize\x005000\0",
  },
  { who: "one with unknown options", asks: "msftwindow\x0031416\0", hears: "" },
  { who: "one that repeats itself", asks: "timeout\x003\0timeout\x004\0", hears: "timeout\x003\0" },
  {
    who: "one that asks for a window of no blocks",
    asks: "windowsize\x000\0blksize\x00600\0",
    hears: "blksize\x00600\0",
  },
];

for (const { who, asks, hears } of cases) {
  test(`the options of ${who} are answered exactly`, { timeout }, async (t) => {
    const { to } = await scene(t, { storage: files() });
    const device = await Device.open(t);
    await device.send(wire(`\0\x01five.bin\0octet\0${asks}`), to);
    const { bytes } = await device.next();
    const first = bytes.toString("latin1");
    assert.equal(first.slice(0, 4 + hears.length), hears ? `\0\x06${hears}` : "\0\x03\0\x01");
  });
}

test("limits of the server cap what is agreed", { timeout }, async (t) => {
  const limits = { blksizeMax: 1468, windowsizeMax: 32, windowBytesMax: 10_000 };
  const { to } = await scene(t, { storage: files(), limits });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { blksize: 8192, windowsize: 64 }), to);
  const { bytes } = await device.expect("oack");
  assert.equal(bytes.toString("latin1"), "\0\x06blksize\x001468\0windowsize\x006\0");
});

test("a client may send no larger window than our receive buffer holds", { timeout }, async (t) => {
  const socket = await openSocket({ host: "127.0.0.1", port: 0 });
  const held = socket.receiveBufferBytes;
  await socket.close();
  const limits = { windowBytesMax: Number.POSITIVE_INFINITY, windowsizeMax: 65_535 };
  const { to } = await scene(t, { storage: files(), limits });
  const asked = { blksize: 65464, windowsize: 65535 };
  const [reader, writer] = [await Device.open(t), await Device.open(t)];
  await writer.send(wrq("up.bin", asked), to);
  const answer = (await writer.expect("oack")).packet.options.get("windowsize")?.value;
  assert.equal(Number(answer), Math.max(1, Math.floor(held / 65464)));
  await reader.send(rrq("five.bin", asked), to);
  const { packet } = await reader.expect("oack");
  assert.equal(packet.options.get("windowsize")?.value, "65535");
});

test("an empty file has no tsize and one empty block", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("empty", { tsize: 0, blksize: 1024 }), to);
  const { bytes, from } = await device.expect("oack");
  assert.equal(bytes.toString("latin1"), "\0\x06blksize\x001024\0");
  await device.send(ack(0), from);
  const { packet } = await device.expectData(1);
  assert.equal(packet.payload.length, 0);
  const plain = await Device.open(t);
  await plain.send(rrq("empty", { tsize: 0 }), to);
  assert.equal((await plain.expectData(1)).packet.payload.length, 0);
});

test("a window is sent whole, and nothing beyond it", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { windowsize: 4 }), to);
  const { from } = await device.expect("oack");
  await device.send(ack(0), from);
  for (const block of [1, 2, 3, 4]) await device.expectData(block);
  await device.expectSilence();
  await device.send(ack(4), from);
  for (const block of [5, 6, 7, 8]) await device.expectData(block);
  await device.send(ack(8), from);
  for (const block of [9, 10]) await device.expectData(block);
  await device.send(ack(10), from);
  assert.equal((await events.nth("ended")).transfer.windowsize, 4);
});

test("the size that an upload announces is echoed", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(wrq("up.bin", { tsize: 700, blksize: 1024, timeout: 9 }), to);
  const { bytes } = await device.expect("oack");
  assert.equal(bytes.toString("latin1"), "\0\x06tsize\x00700\0blksize\x001024\0timeout\x009\0");
  const { transfer } = await events.nth("started");
  assert.equal(transfer.size, 700);
  assert.equal(transfer.options, true);
});

test("the netascii size is what goes over the wire, or is not told", { timeout }, async (t) => {
  const storage = files();
  storage.files.set("lines", Buffer.from("a\nb\nc\n"));
  storage.files.set("long", Buffer.alloc(100_000, "x\n"));
  const { to } = await scene(t, { storage });
  const device = await Device.open(t);
  await device.send(rrq("lines", { tsize: 0 }, "netascii"), to);
  const { bytes } = await device.expect("oack");
  assert.equal(bytes.toString("latin1"), "\0\x06tsize\x009\0");
  const other = await Device.open(t);
  await other.send(rrq("long", { tsize: 0, blksize: 8 }, "netascii"), to);
  assert.equal((await other.expect("oack")).bytes.toString("latin1"), "\0\x06blksize\x008\0");
});
