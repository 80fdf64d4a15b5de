// A Storage that is not ours and gives what its types do not allow: the client hears an ERROR, and
// nothing of it stays.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source, Storage } from "../../src/index.ts";
import { ack, Device, rrq, wrq } from "./device.ts";
import { scene } from "./scene.ts";

const timeout = 30_000;
const size = 1000;

const source: Source = {
  size,
  readv: async (into, position) => {
    let bytes = 0;
    for (const { length } of into) bytes += length;
    return Math.min(bytes, size - position);
  },
  close: async () => {},
};

function giving(reads: object): Storage {
  const nothing = () => Promise.reject(new Error("not asked for"));
  return { openRead: nothing, openWrite: nothing, ...reads };
}

const wrongSources: readonly (readonly [string, unknown])[] = [
  ...[Number.NaN, -5, 999.5, 1000n, "1000", null, Infinity].map(
    (wrong) => [`a size of ${wrong}`, { ...source, size: wrong }] as const,
  ),
  ...[Number.NaN, undefined, -1, 1.5, 1e9, "512"].map(
    (wrong) => [`${wrong} bytes read`, { readv: async () => wrong, close: source.close }] as const,
  ),
  ["a version of null", { ...source, version: null }],
  ["a version of 7", { ...source, version: 7 }],
  ["nothing", undefined],
  ["null", null],
];

for (const mode of ["octet", "netascii"] as const) {
  for (const [what, wrong] of wrongSources) {
    test(`a storage that gives ${what} for a ${mode} file`, { timeout }, async (t) => {
      const openRead = async () => wrong;
      const { to, events } = await scene(t, { storage: giving({ openRead }) });
      const device = await Device.open(t);
      await device.send(rrq("x", {}, mode), to);
      const { packet } = await device.expect("error");
      assert.equal(packet.code, 0);
      assert.equal(events.of("refused").length + events.of("ended").length, 1);
    });
  }
}

test("a digest that throws ends that one transfer, and leaves no port open", {
  timeout,
}, async (t) => {
  const told = { ...source, sha256: "" };
  Object.defineProperty(told, "sha256", { get: () => assert.fail("mine") });
  for (const op of ["openRead", "openWrite"]) {
    const sink = { writev: async () => {}, commit: async () => {}, discard: async () => {} };
    const given = op === "openRead" ? told : Object.assign(Object.create(told), sink);
    const storage = giving({ [op]: async () => given });
    const { to, server, events } = await scene(t, { storage, uploadDigests: false });
    const device = await Device.open(t);
    await device.send(op === "openRead" ? rrq("x") : wrq("x"), to);
    await device.expectError(0);
    assert.match(String((await events.nth("refused")).error.cause), /mine/);
    await server.close();
    assert.deepEqual([server.stats().admitted, events.of("ended").length], [0, 0]);
  }
});

const wrongSinks: readonly (readonly [string, unknown])[] = [
  ["nothing", undefined],
  ["null", null],
  ["a sink without calls", {}],
];

for (const [what, wrong] of wrongSinks) {
  test(`a storage that gives ${what} for an upload`, { timeout }, async (t) => {
    const storage = giving({ openWrite: async () => wrong });
    const { to, events } = await scene(t, { storage, uploadDigests: false });
    const device = await Device.open(t);
    await device.send(wrq("x"), to);
    await device.expectError(0);
    assert.equal(events.of("refused").length, 1);
  });
}

test("a source at hand that is a promise is none", { timeout }, async (t) => {
  const readAtHand = () => Promise.resolve(source);
  const { to } = await scene(t, { storage: giving({ readAtHand }) });
  const device = await Device.open(t);
  await device.send(rrq("x"), to);
  await device.expect("error");
});

for (const [what, close] of [
  ["returns no promise", () => {}],
  ["throws", () => assert.fail("mine")],
] as const) {
  test(`a source whose close ${what} holds no place`, { timeout }, async (t) => {
    const openRead = async () => ({ ...source, close });
    const { to, server, events } = await scene(t, { storage: giving({ openRead }) });
    const device = await Device.open(t);
    await device.send(rrq("x", { blksize: 2000 }), to);
    const { from } = await device.expect("oack");
    await device.send(ack(0), from);
    await device.expect("data");
    await device.send(ack(1), from);
    assert.equal((await events.nth("ended")).ending, "completed");
    await server.close();
    assert.equal(server.stats().admitted, 0);
  });
}

test("a text that cannot be read fails for that, whatever its close throws", {
  timeout,
}, async (t) => {
  const readv = () => Promise.reject(new Error("the disk is gone"));
  const close = () => Promise.reject(new Error("and so is the close"));
  const { to, events } = await scene(t, {
    storage: giving({ openRead: async () => ({ readv, close }) }),
  });
  const device = await Device.open(t);
  await device.send(rrq("x", {}, "netascii"), to);
  await device.expectError(0);
  const { error } = await events.nth("refused");
  assert.match(String(error.cause), /the disk is gone/);
});
