// Every length around the borders of blocks and windows, both ways.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { assertSame, noise, pair } from "./pair.ts";

const timeout = 30_000;
const whole = noise(64 * 1428 + 2);

for (const blksize of [8, 512, 1428]) {
  for (const windowsize of [1, 4, 16]) {
    test(`borders of blocks of ${blksize} in windows of ${windowsize}`, { timeout }, async (t) => {
      const { storage, events, url } = await pair(t);
      const options = { blksize, windowsize };
      await inGroups(borders(blksize, windowsize), async (length) => {
        const content = whole.subarray(0, length);
        const name = `${length}`;
        const sent = await put(url(name), content, options);
        assert.equal(sent.bytes, length);
        assert.equal(sent.blksize, blksize);
        assertSame(storage.files.get(name), content, `${length} bytes put`);
        assertSame(await get(url(name), options).bytes(), content, `${length} bytes got`);
      });
      const windows = events.map((event) => event.kind === "ended" && event.transfer.windowsize);
      assert.deepEqual(new Set(windows.filter(Boolean)), new Set([windowsize]));
    });
  }
}

test("every length up to five small blocks, with options and without", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  const lengths = Array.from({ length: 42 }, (_, length) => length);
  for (const options of [{ blksize: 8, windowsize: 3 }, { blksize: 8 }]) {
    await inGroups(lengths, async (length) => {
      const content = whole.subarray(0, length);
      await put(url(`${length}`), content, options);
      assertSame(storage.files.get(`${length}`), content, `${length} bytes put`);
      assertSame(await get(url(`${length}`), options).bytes(), content, `${length} bytes got`);
    });
  }
});

for (const [host, options] of [
  ["::1", {}],
  ["::1", { plain: true }],
  ["127.0.0.1", { plain: true }],
  ["127.0.0.1", { blksize: 65464, windowsize: 1 }],
  ["127.0.0.1", { blksize: 65464, windowsize: 4 }],
  ["127.0.0.1", { blksize: 1432, windowsize: 64 }],
] as const) {
  test(`a megabyte over ${host} with ${JSON.stringify(options)}`, { timeout }, async (t) => {
    const { storage, url } = await pair(t, { host });
    const content = noise(1_000_001);
    const sent = await put(url("big"), content, options);
    assertSame(storage.files.get("big"), content, "put");
    assertSame(await get(url("big"), options).bytes(), content, "got");
    if (host === "::1" && !("plain" in options)) assert.ok(sent.blksize > 512);
  });
}

/** Around multiples of the block, and around the ends of the first windows. */
function borders(blksize: number, windowsize: number): number[] {
  const lengths = new Set<number>();
  const middles = [0, 1, 2, windowsize, 2 * windowsize, 3 * windowsize].map((n) => n * blksize);
  for (const middle of middles) {
    for (const away of [-1, 0, 1, 2]) if (middle + away >= 0) lengths.add(middle + away);
  }
  return [...lengths];
}

/** A few at a time: the machine has other work too. */
async function inGroups(lengths: readonly number[], run: (length: number) => Promise<void>) {
  for (let at = 0; at < lengths.length; at += 8) {
    await Promise.all(lengths.slice(at, at + 8).map(run));
  }
}
