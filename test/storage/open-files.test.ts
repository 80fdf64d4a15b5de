// Files that stay open for a moment: what that saves, and that nothing old is ever given.

import assert from "node:assert/strict";
import sync from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { mock, type TestContext, test } from "node:test";
import type { Source } from "../../src/ports.ts";
import { directory } from "../../src/storage/directory.ts";
import { fails, request, scene } from "./scene.ts";

/** How often a file was opened since. */
function countOpens(t: TestContext): () => number {
  const open = mock.method(fs, "open");
  syncBuiltinESMExports();
  t.after(() => {
    open.mock.restore();
    syncBuiltinESMExports();
  });
  return () => open.mock.callCount();
}

async function whole(source: Source): Promise<string> {
  const part = Buffer.alloc(100);
  const read = await source.readv([part], 0);
  await source.close();
  return part.toString("latin1", 0, read);
}

test("a hundred clients at once, and one more, cost one open", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "content");
  const storage = directory(root);
  const opens = countOpens(t);
  const sources = await Promise.all(
    Array.from({ length: 100 }, () => storage.openRead("x", request)),
  );
  for (const source of sources) assert.equal(await whole(source), "content");
  assert.equal(await whole(await storage.openRead("x", request)), "content");
  assert.equal(opens(), 1);
});

test("a file that was replaced, changed or removed is seen at once", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", "one");
  const storage = directory(root);
  const first = await storage.openRead("x", request);
  await fs.rename(await put("y", "two"), path);
  assert.equal(await whole(await storage.openRead("x", request)), "two");
  assert.equal(await whole(first), "one", "who began with the old one ends with it");
  await fs.writeFile(path, "six");
  assert.equal(await whole(await storage.openRead("x", request)), "six");
  await fs.rm(path);
  await fails(storage.openRead("x", request), "FILE_NOT_FOUND");
});

test("a link that takes the place of an open file does not lead out", async (t) => {
  const { root, outside, put } = await scene(t);
  const path = await put("x", "inside");
  const storage = directory(root);
  const source = await storage.openRead("x", request);
  await fs.rm(path);
  await fs.symlink(join(outside, "secret.txt"), path);
  await fails(storage.openRead("x", request), "ACCESS_VIOLATION");
  await source.close();
});

test("descriptors close when nobody has asked for a while", async (t) => {
  if (process.platform !== "linux") return t.skip("counts descriptors in /proc");
  const { root, put } = await scene(t);
  const storage = directory(root);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const name of ["a", "b", "c"]) {
    await put(name, name);
    await (await storage.openRead(name, request)).close();
  }
  const busy = await storage.openRead("a", request);
  assert.equal(await openBelow(root), 3);
  t.mock.timers.tick(60_000);
  await settled(async () => (await openBelow(root)) === 1);
  await busy.close();
  t.mock.timers.tick(60_000);
  await settled(async () => (await openBelow(root)) === 0);
});

test("only so many files stay open without a reader", async (t) => {
  if (process.platform !== "linux") return t.skip("counts descriptors in /proc");
  const { root, put } = await scene(t);
  const storage = directory(root);
  for (let count = 0; count < 100; count++) {
    await put(`${count}`, "x");
    await (await storage.openRead(`${count}`, request)).close();
  }
  await settled(async () => (await openBelow(root)) === 64);
});

/** No more than so many descriptors are open below `root` at a time from now on. */
function fewDescriptors(t: TestContext, root: string, most: number): void {
  const { open } = fs;
  const limited = mock.method(fs, "open", (async (...args: Parameters<typeof open>) => {
    if ((await openBelow(root)) < most) return open(...args);
    throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
  }) as typeof open);
  syncBuiltinESMExports();
  t.after(() => {
    limited.mock.restore();
    syncBuiltinESMExports();
  });
}

test("files that stay open without a reader make room where descriptors run out", async (t) => {
  if (process.platform !== "linux") return t.skip("counts descriptors in /proc");
  const { root, put } = await scene(t);
  for (let count = 0; count < 30; count++) await put(`${count}`, "x");
  const [one, other] = [directory(root), directory(root, { uploads: "create" })];
  fewDescriptors(t, root, 10);
  const busy = await one.openRead("29", request);
  for (let count = 0; count < 20; count++) {
    await (await one.openRead(`${count}`, request)).close();
  }
  while ((await openBelow(root)) < 10) {
    await (await one.openRead(`${await openBelow(root)}`, request)).close();
  }
  const sink = await other.openWrite("new", request);
  await sink.commit();
  assert.equal(await whole(busy), "x");
  const held = [];
  for (let count = 0; count < 10; count++) held.push(await one.openRead(`${count}`, request));
  await fails(one.openRead("10", request), "BUSY");
  for (const source of held) await source.close();
});

async function openBelow(root: string): Promise<number> {
  const real = await fs.realpath(root);
  const links = (await fs.readdir("/proc/self/fd")).map((fd) =>
    fs.readlink(`/proc/self/fd/${fd}`).catch(() => ""),
  );
  return (await Promise.all(links)).filter((path) => path.startsWith(real)).length;
}

/** A close has no event of its own; it is asked for until it shows, or the test's time is up. */
async function settled(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((soon) => setImmediate(soon));
}

/** Looks at files take so long from now on; how many there were. */
function slowLooks(t: TestContext, millis: number): () => number {
  const { statSync } = sync;
  const look = mock.method(sync, "statSync", ((...args: Parameters<typeof statSync>) => {
    const until = performance.now() + millis;
    while (performance.now() < until);
    return statSync(...args);
  }) as typeof statSync);
  syncBuiltinESMExports();
  t.after(() => {
    look.mock.restore();
    syncBuiltinESMExports();
  });
  return () => look.mock.callCount();
}

test("a file is at hand although the process was busy when it was looked at", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "content");
  const storage = directory(root);
  const sources = [await storage.openRead("x", request)];
  const second = storage.openRead("x", request);
  const until = performance.now() + 10;
  while (performance.now() < until);
  sources.push(await second);
  const atHand = storage.readAtHand?.("x", request);
  assert.ok(atHand);
  for (const source of [...sources, atHand]) await source.close();
});

test("a file system that lets us wait is not waited for again and again", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "content");
  const storage = directory(root);
  const looks = slowLooks(t, 5);
  const sources: Source[] = [];
  for (let round = 0; round < 10; round++) {
    sources.push(storage.readAtHand?.("x", request) ?? (await storage.openRead("x", request)));
  }
  assert.equal(looks(), 2);
  for (const source of sources) await source.close();
});
