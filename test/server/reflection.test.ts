// What a source gets that only claims its address: bytes out for each byte in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode, type Request } from "../../src/core/packet.ts";
import { copiesToUnproven, fittingMessage } from "../../src/server/reflection.ts";
import { ack, Device, data, error, rrq, type WireOptions, wrq } from "./device.ts";
import { content, files, readOn, scene, stillServes } from "./scene.ts";

const timeout = 30_000;
const limits = { timeoutMillis: 40, retries: 6 };
const headerBytes = 4;

function request(bytes: Uint8Array): Request {
  const packet = decode(bytes);
  assert.ok(packet.op === "rrq" || packet.op === "wrq");
  return packet;
}

test("however short a request, three copies at most and 80 times its bytes of DATA", () => {
  for (let length = 1; length < 300; length++) {
    const asked = request(rrq("x".repeat(length)));
    const copies = copiesToUnproven(asked, new Map());
    assert.ok(copies >= 1 && copies <= 3);
    assert.ok(copies * (512 + headerBytes) <= 80 * encode(asked).length, `${length}`);
  }
  assert.equal(copiesToUnproven(request(rrq("boot/pxelinux.0")), new Map()), 3);
});

test("however short a request with options, its OACKs hold three times its bytes", () => {
  const offers: WireOptions[] = [
    { tsize: 0 },
    { blksize: 8 },
    { rollover: 1 },
    { blksize: 65464, windowsize: 65535, tsize: 0, timeout: 255 },
  ];
  for (const offer of offers) {
    for (const size of ["1", "999999999999999"]) {
      const asked = request(rrq("x", offer));
      const answer = new Map(asked.options);
      if (answer.has("tsize")) answer.set("tsize", { name: "tsize", value: size });
      const bytes = encode({ op: "oack", options: answer }).length;
      const copies = copiesToUnproven(asked, answer);
      assert.ok(copies >= 1 && copies <= 3);
      assert.ok(copies * bytes <= 3 * encode(asked).length, JSON.stringify(offer));
    }
  }
});

test("the words of an ERROR are no more than its request is worth", () => {
  const asked = request(rrq("x", { a: "" }));
  const message = "ü".repeat(1000);
  const told = fittingMessage(message, asked);
  assert.ok(told.length > 0 && message.startsWith(told));
  const error = encode({ op: "error", code: 2, message: told });
  assert.ok(error.length <= 3 * encode(asked).length);
  assert.equal(fittingMessage("no such file", asked), "no such file");
});

const askers: readonly (readonly [name: string, request: Uint8Array, factorMax: number])[] = [
  ["a plain read", rrq("././././five.bin"), 80],
  ["a plain read with a short name", rrq("five.bin"), 80],
  ["a read with options", rrq("five.bin", { blksize: 1428, windowsize: 64, tsize: 0 }), 3],
  ["a read with a short option", rrq("five.bin", { tsize: 0 }), 3],
  ["a write", wrq("up.bin"), 3],
  ["a write with options", wrq("up.bin", { blksize: 1428, tsize: 3 }), 3],
  ["a read that is refused", rrq("nope.bin", { tsize: 0 }), 3],
];
for (const [name, datagram, factorMax] of askers) {
  test(`${name} that is never answered is reflected by at most ${factorMax}`, {
    timeout,
  }, async (t) => {
    const { to, events } = await scene(t, { storage: files(), limits });
    const device = await Device.open(t);
    await device.send(datagram, to);
    if (name.endsWith("refused")) await events.nth("refused");
    else await events.nth("ended");
    await stillServes(t, to);
    const bytes = await device.drain();
    assert.ok(bytes > 0);
    assert.ok(bytes / datagram.length <= factorMax, `${bytes} bytes`);
  });
}

test("a client that repeats its request is answered again, and gets its file", {
  timeout,
}, async (t) => {
  const { to } = await scene(t, { storage: files(), limits: { timeoutMillis: 20, retries: 100 } });
  const device = await Device.open(t);
  await device.send(rrq("././././five.bin"), to);
  for (let copy = 0; copy < 3; copy++) await device.expectData(1);
  await new Promise((later) => setTimeout(later, 120)); // sooner it is a copy of the network's
  await device.expectSilence();
  await device.send(rrq("././././five.bin"), to);
  const { from } = await device.expectData(1);
  await device.drain();
  await device.send(ack(1), from);
  let next = await device.expect("data");
  while (next.packet.block === 1) next = await device.expect("data"); // a copy that was under way
  assert.equal(next.packet.block, 2);
  await device.send(ack(2), from);
  const rest = await readOn(device, 2);
  assert.deepEqual(rest, Buffer.from(content(5000).subarray(1024)));
});

test("ACKs to the listening port prove nothing: they fetch no window and no second block", {
  timeout,
}, async (t) => {
  const { to } = await scene(t, { storage: files(), limits: { timeoutMillis: 10_000 } });
  const forger = await Device.open(t);
  await forger.send(rrq("five.bin", { windowsize: 64, blksize: 512 }), to);
  await forger.expect("oack");
  for (let block = 0; block < 10; block++) await forger.send(ack(block), to);
  await stillServes(t, to);
  await forger.expectSilence();
  const other = await Device.open(t);
  await other.send(rrq("five.bin", { blksize: 512 }), to);
  await other.expect("oack");
  for (let block = 0; block < 10; block++) await other.send(ack(block), to);
  await other.expectData(1);
  await stillServes(t, to);
  await other.expectSilence();
});

test("what comes to the listening port writes nothing, and ends nothing that runs", {
  timeout,
}, async (t) => {
  const storage = files();
  const { to, events } = await scene(t, { storage });
  const device = await Device.open(t);
  await device.send(wrq("up"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, "forged"), to);
  await stillServes(t, to);
  await device.expectSilence();
  const first = "x".repeat(512);
  await device.send(data(1, first), from);
  await device.expectAck(1);
  await device.send(error(0), to);
  await device.send(data(2, "forged"), to);
  await device.send(data(2, "true"), from);
  await device.expectAck(2);
  await events.nth("ended", 2);
  assert.equal(`${Buffer.from(storage.files.get("up") ?? [])}`, `${first}true`);
});
