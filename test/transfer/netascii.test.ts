// Text content on its way to the wire: what can be shared, and what can only be read once.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../src/ports.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import type { Blocks } from "../../src/transfer/blocks.ts";
import { ImageCache } from "../../src/transfer/image-cache.ts";
import { netasciiSource } from "../../src/transfer/netascii.ts";
import { runsOf } from "./fakes.ts";

function text(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at % 10 === 9 ? 10 : 97 + (at % 26)));
}

function onTheWire(content: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(content).toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

async function read(source: Source, length: number, position: number): Promise<Buffer> {
  const part = Buffer.alloc(length);
  return part.subarray(0, await source.readv([part], position));
}

test("a short text has a size and a version, and is read in any order", async () => {
  const content = text(60_000);
  const source = await netasciiSource(bytesSource(content, "v1"));
  const wire = onTheWire(content);
  assert.equal(source.size, wire.length);
  assert.equal(source.version, "v1");
  for (const position of [50_000, 0, wire.length - 7, 12_345]) {
    const expected = wire.subarray(position, position + 1000);
    assert.deepEqual(await read(source, 1000, position), expected);
  }
});

test("a long text has neither, and comes whole", async () => {
  const content = text(200_001);
  const source = await netasciiSource(bytesSource(content, "v1"));
  assert.equal(source.size, undefined);
  assert.equal(source.version, undefined);
  const pieces: Buffer[] = [];
  for (let position = 0, piece: Buffer; ; position += piece.length) {
    piece = await read(source, 777, position);
    pieces.push(piece);
    if (piece.length < 777) break;
  }
  assert.deepEqual(Buffer.concat(pieces), onTheWire(content));
});

test("two clients share a short text and both get it whole", async () => {
  const content = text(60_000);
  const cache = new ImageCache(1e6);
  const key = { name: "text", mode: "netascii", blksize: 128, rollover: 0 } as const;
  const open = async () => cache.open(key, await netasciiSource(bytesSource(content, "v1")));
  const [one, two] = [await open(), await open()];
  const [a, b]: Buffer[][] = [[], []];
  for (let turn = 0; one.ready !== one.last || two.ready !== two.last; turn++) {
    const [view, into] = turn % 3 === 0 ? [two, b] : [one, a];
    if (view.ready !== view.last) await more(view, into as Buffer[]);
  }
  assert.deepEqual(Buffer.concat(a as Buffer[]), onTheWire(content));
  assert.deepEqual(Buffer.concat(b as Buffer[]), onTheWire(content));
  await Promise.all([one.close(), two.close()]);
});

async function more(view: Blocks, into: Buffer[]): Promise<void> {
  const before = view.ready;
  if (!view.fillNow()) await view.fill();
  for (const run of runsOf(view, before + 1, view.ready - before)) {
    for (const datagram of run.datagrams()) into.push(Buffer.from(datagram.subarray(4)));
  }
}

test("a text that is shorter than its size said is an error, not a shorter text", async () => {
  for (const size of [1000, 65_536, 200_000]) {
    const source: Source = { ...bytesSource(text(size - 1), "v1"), size };
    const wire = async (): Promise<void> => {
      const opened = await netasciiSource(source);
      for (let at = 0, read = 1; read > 0; at += read) {
        read = await opened.readv([new Uint8Array(5000)], at);
      }
    };
    await assert.rejects(wire, { code: "STORAGE" }, `${size} bytes`);
  }
});
