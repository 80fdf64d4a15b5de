// Wire images: what is shared, what is kept, and what goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../src/ports.ts";
import type { Blocks } from "../../src/transfer/blocks.ts";
import { ImageCache } from "../../src/transfer/image-cache.ts";
import { runsOf } from "./fakes.ts";

const blksize = 512;
const chunkBytes = 64 * blksize;
const chunkWireBytes = 64 * (blksize + 4);
const key = { name: "kernel", mode: "octet", blksize, rollover: 0 } as const;

/** Content whose every byte is `fill`; it counts its reads and may be made to wait. */
class CountedSource implements Source {
  reads = 0;
  open = true;
  failure: Error | undefined;
  gate: Promise<void> | undefined;
  readonly size: number;
  readonly version?: string;
  readonly #fill: number;

  constructor(size: number, fill: number, version: string | undefined = `v${fill}`) {
    this.size = size;
    this.#fill = fill;
    if (version !== undefined) this.version = version;
  }

  async readv(into: readonly Uint8Array[], position: number): Promise<number> {
    assert.ok(this.open, "read after close");
    this.reads += 1;
    await this.gate;
    if (this.failure) throw this.failure;
    let read = 0;
    for (const part of into) {
      const length = Math.min(part.length, Math.max(0, this.size - position - read));
      part.fill(this.#fill, 0, length);
      read += length;
    }
    return read;
  }

  async close(): Promise<void> {
    this.open = false;
  }
}

async function fillAll(blocks: Blocks): Promise<void> {
  while (blocks.last === undefined || blocks.ready < blocks.last) {
    if (!blocks.fillNow()) await blocks.fill();
  }
}

function bytesOf(blocks: Blocks, first: number, count: number): Buffer {
  return Buffer.concat(runsOf(blocks, first, count).map(({ bytes }) => bytes));
}

test("a thousand transfers of one file cost one read a chunk", async () => {
  const cache = new ImageCache(1e9);
  const sources = Array.from({ length: 1000 }, () => new CountedSource(2 * chunkBytes + 5, 7));
  const views = sources.map((source) => cache.open(key, source));
  await Promise.all(views.map(fillAll));
  assert.equal(
    sources.reduce((sum, source) => sum + source.reads, 0),
    3,
  );
  const [first, second] = [bytesOf(views[0]!, 1, 129), bytesOf(views[999]!, 1, 129)];
  assert.deepEqual(first, second);
  assert.equal(first.length, 2 * chunkWireBytes + 9);
  await Promise.all(views.map((view) => view.close()));
  assert.ok(sources.every((source) => !source.open));
});

test("whoever comes later reads nothing and waits for nobody", async () => {
  const cache = new ImageCache(1e9);
  const early = cache.open(key, new CountedSource(chunkBytes, 1));
  await fillAll(early);
  await early.close();
  const source = new CountedSource(chunkBytes, 1);
  const late = cache.open(key, source);
  assert.ok(late.fillNow() && late.fillNow());
  assert.equal(source.reads, 0);
  assert.deepEqual([late.ready, late.last], [65, 65]);
  await late.close();
});

test("a changed file is a new image, and a running transfer ends with the old one", async () => {
  const cache = new ImageCache(1e9);
  const old = cache.open(key, new CountedSource(3 * chunkBytes, 1, "old"));
  await old.fill();
  const changed = cache.open(key, new CountedSource(3 * chunkBytes, 2, "new"));
  await Promise.all([fillAll(old), fillAll(changed)]);
  assert.equal(bytesOf(old, 190, 1).at(-1), 1);
  assert.equal(bytesOf(changed, 190, 1).at(-1), 2);
});

for (const [what, other] of [
  ["block size", { ...key, blksize: 1428 }],
  ["mode", { ...key, mode: "netascii" }],
  ["roll-over", { ...key, rollover: 1 as const }],
  ["name", { ...key, name: "initrd" }],
] as const) {
  test(`another ${what} is another image`, async () => {
    const cache = new ImageCache(1e9);
    const source = new CountedSource(100, 1);
    await fillAll(cache.open(key, new CountedSource(100, 1)));
    await fillAll(cache.open(other, source));
    assert.equal(source.reads, 1);
    assert.equal(cache.images, 2);
  });
}

test("under the limit the chunks that were needed longest ago go first", async () => {
  const cache = new ImageCache(2 * chunkWireBytes);
  const named = (name: string) => ({ ...key, name });
  for (const name of ["a", "b", "a", "c"]) {
    const view = cache.open(named(name), new CountedSource(chunkBytes - 1, 1));
    await fillAll(view);
    await view.close();
    assert.ok(cache.bytes <= 2 * chunkWireBytes);
  }
  const again = new CountedSource(chunkBytes - 1, 1);
  const view = cache.open(named("a"), again);
  await fillAll(view);
  assert.equal(again.reads, 0, "a was needed after b, so b made room for c");
  await view.close();
});

test("what a transfer still needs is never evicted, whatever the limit", async () => {
  const cache = new ImageCache(4 * chunkWireBytes);
  const slow = cache.open(key, new CountedSource(4 * chunkBytes - 1, 1));
  await fillAll(slow);
  for (const name of ["x", "y", "z"]) {
    const view = cache.open({ ...key, name }, new CountedSource(4 * chunkBytes - 1, 2));
    await fillAll(view);
    await view.close();
  }
  assert.equal(bytesOf(slow, 1, 256).at(-1), 1);
  slow.release(128);
  await slow.close();
  assert.ok(cache.bytes <= 4 * chunkWireBytes);
});

test("an evicted chunk is read again for a transfer that comes back to it", async () => {
  const cache = new ImageCache(2 * chunkWireBytes);
  const ahead = cache.open(key, new CountedSource(2 * chunkBytes - 1, 1));
  await fillAll(ahead);
  ahead.release(128);
  const other = cache.open({ ...key, name: "other" }, new CountedSource(2 * chunkBytes - 1, 2));
  await fillAll(other);
  const source = new CountedSource(2 * chunkBytes - 1, 1);
  const late = cache.open(key, source);
  await fillAll(late);
  assert.equal(source.reads, 2);
  assert.equal(bytesOf(late, 1, 1).at(-1), 1);
});

test("content without a version, and content larger than the cache, is never shared", async () => {
  const cache = new ImageCache(chunkBytes);
  for (const source of [new CountedSource(9, 1, ""), new CountedSource(2 * chunkBytes, 1)]) {
    const unversioned = source.size === 9 ? withoutVersion(source) : source;
    const view = cache.open(key, unversioned);
    await fillAll(view);
    assert.equal(cache.images, 0);
    assert.equal(cache.bytes, 0);
    await view.close();
    assert.equal(source.open, false);
  }
});

function withoutVersion(source: CountedSource): Source {
  return {
    size: source.size,
    readv: (into, position) => source.readv(into, position),
    close: () => source.close(),
  };
}

test("a failed read reaches all who wait, and the next one tries again", async () => {
  const cache = new ImageCache(1e9);
  const bad = new CountedSource(9, 1);
  bad.failure = new Error("broken disk");
  const [one, two] = [cache.open(key, bad), cache.open(key, new CountedSource(9, 1))];
  const results = await Promise.allSettled([one.fill(), two.fill()]);
  assert.deepEqual(
    results.map((result) => result.status),
    ["rejected", "rejected"],
  );
  const three = cache.open(key, new CountedSource(9, 1));
  await fillAll(three);
  assert.equal(three.ready, 1);
  await Promise.all([one, two, three].map((view) => view.close()));
});

test("when nothing is kept and nobody looks, nothing is left", async () => {
  const cache = new ImageCache(1e9);
  const view = cache.open(key, new CountedSource(9, 1));
  await view.close();
  assert.equal(cache.images, 0);
});
