// Which contents of a file count as one: what may be shared, and what must not be mixed.

import assert from "node:assert/strict";
import { appendFile, rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { directory } from "../../src/storage/directory.ts";
import { request, scene } from "./scene.ts";

test("a file that was changed a moment ago has no version yet", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "one");
  const source = await directory(root).openRead("x", request);
  t.after(() => source.close());
  assert.equal(source.version, undefined);
});

test("the version stays while the file does and changes with it", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
  const { root, put } = await scene(t);
  const version = async () => {
    const source = await directory(root).openRead("x", request);
    await source.close();
    return source.version;
  };
  const path = await put("x", "one");
  const first = await version();
  assert.ok(first);
  assert.equal(await version(), first);
  await writeFile(`${path}.new`, "two");
  await rename(`${path}.new`, path);
  assert.notEqual(await version(), first);
});

test("a change shows in the next read, not only in the last", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", "0123456789");
  const source = await directory(root).openRead("x", request);
  t.after(() => source.close());
  assert.equal(await source.readv([Buffer.alloc(2)], 0), 2);
  await appendFile(path, "more");
  await assert.rejects(source.readv([Buffer.alloc(2)], 2), { code: "STORAGE" });
});
