// More blocks than 16 bits can count, with both ways to go on after 65535.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { assertSame, noise, pair } from "./pair.ts";

const timeout = 60_000;
const blksize = 8;

interface Case {
  readonly way: "get" | "put";
  readonly rollover: 0 | 1;
  readonly windowsize: number;
  readonly blocks: number;
}

// In lock-step each block is a round trip: only windows go twice around.
const cases: readonly Case[] = [
  { way: "get", rollover: 0, windowsize: 1, blocks: 65_600 },
  { way: "put", rollover: 0, windowsize: 16, blocks: 65_600 },
  { way: "get", rollover: 1, windowsize: 16, blocks: 131_100 },
  { way: "put", rollover: 1, windowsize: 1, blocks: 65_600 },
];
for (const { way, rollover, windowsize, blocks } of cases) {
  const name = `${way} ${blocks} blocks over rollover ${rollover} in windows of ${windowsize}`;
  test(name, { timeout }, async (t) => {
    const { storage, url, events } = await pair(t);
    const content = noise(blocks * blksize - 3);
    const options = { blksize, windowsize, rollover };
    if (way === "get") storage.files.set("big", content);
    if (way === "get") assertSame(await get(url("big"), options).bytes(), content, "got");
    else await put(url("big"), content, options);
    assertSame(storage.files.get("big"), content, "stored");
    for (const event of events) if (event.kind === "ended") assert.equal(event.ending, "completed");
  });
}

for (const length of [65_535 * blksize - 1, 65_535 * blksize]) {
  test(`${length} bytes, which end with or right behind 65535, are whole`, {
    timeout,
  }, async (t) => {
    const { storage, url } = await pair(t);
    const content = noise(length);
    await put(url("x"), content, { blksize, windowsize: 64 });
    assertSame(storage.files.get("x"), content, "put");
    assertSame(await get(url("x"), { blksize, windowsize: 64 }).bytes(), content, "got");
  });
}

test("a server may roll over to 1 for clients that cannot ask", { timeout }, async (t) => {
  const { storage, url } = await pair(t, { limits: { rollover: 1 } });
  const content = noise(66_000 * blksize);
  storage.files.set("big", content);
  // In lock-step a client sees how its server rolls over.
  assertSame(await get(url("big"), { blksize, windowsize: 1 }).bytes(), content, "got");
});
