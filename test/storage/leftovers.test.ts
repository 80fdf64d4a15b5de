// What a killed process left of its uploads goes away; nothing else does.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { removeLeftovers } from "../../src/storage/leftovers.ts";
import { ownerOf, partName } from "../../src/storage/part-owner.ts";
import { scene } from "./scene.ts";

const ours = partName();

/** The name that a process would give that runs and ends with the test, or has ended. */
async function foreignPart(t: TestContext, state: "running" | "ended"): Promise<string> {
  const module = new URL("../../src/storage/part-owner.js", import.meta.url);
  const child = spawn(process.execPath, [
    "--input-type=module",
    "--eval",
    `import { partName } from ${JSON.stringify(module)};
     console.log(partName()); setInterval(() => {}, 1000);`,
  ]);
  const closed = once(child, "close");
  const [name] = await once(child.stdout, "data");
  if (state === "running") t.after(() => child.kill("SIGKILL"));
  else {
    child.kill("SIGKILL");
    await closed;
  }
  return String(name).trim();
}

test("parts of a process that was killed go, also from folders below", async (t) => {
  const { root, put, list } = await scene(t);
  const part = await foreignPart(t, "ended");
  await put(part, "half");
  await put(`a/b/${part}`, "half");
  await put("a/whole", "whole");
  const removed = await removeLeftovers(root);
  assert.deepEqual([...removed].sort(), [part, `a/b/${part}`].sort());
  assert.deepEqual([await list(), await list("a"), await list("a/b")], [["a"], ["b", "whole"], []]);
});

test("a sweep that is no longer wanted ends where it is", async (t) => {
  const { root, put, list } = await scene(t);
  const part = await foreignPart(t, "ended");
  await put(part, "half");
  const unwanted = AbortSignal.abort();
  assert.deepEqual(await removeLeftovers(root, { signal: unwanted }), []);
  assert.deepEqual(await list(), [part]);
});

test("the parts of this process and of another one that runs stay", async (t) => {
  const { root, put, list } = await scene(t);
  const other = await foreignPart(t, "running");
  await put(ours, "half");
  await put(other, "half");
  assert.deepEqual(await removeLeftovers(root), []);
  assert.deepEqual(await list(), [ours, other].sort());
});

test("a process id that is used again does not keep a part", { skip: notLinux() }, async (t) => {
  const { root, put } = await scene(t);
  const reused = ours.replace(/-(\d+)-(\d+)-/, "-$1-1-");
  assert.notEqual(reused, ours);
  await put(reused, "half");
  assert.deepEqual(await removeLeftovers(root), [reused]);
});

test("a part of another machine, or of an earlier release, stays for a day", async (t) => {
  const { root, put, list } = await scene(t);
  const elsewhere = ours.replace(/-[0-9a-f]{8}-/, "-00000000-");
  const earlier = ".tidewire-0123456789abcdef.part";
  await put(elsewhere, "half");
  await put(earlier, "half");
  assert.deepEqual(await removeLeftovers(root), []);
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  for (const name of await list()) await utimes(join(root, name), twoDaysAgo, twoDaysAgo);
  assert.deepEqual([...(await removeLeftovers(root))].sort(), [elsewhere, earlier].sort());
});

test("nothing that a user could have put there is ever taken", async (t) => {
  const { root, outside, put, list } = await scene(t);
  const part = await foreignPart(t, "ended");
  const names = ["x.part", ".tidewire.part", ".tidewire-notes.part", `${part}.txt`, `a${part}`];
  for (const name of names) {
    assert.equal(ownerOf(name), "none", name);
    await put(name, "mine");
  }
  await writeFile(join(outside, part), "beyond a link");
  await symlink(outside, join(root, "out"));
  await mkdir(join(root, "folder"));
  await mkdir(join(root, "folder", part));
  await symlink("../x.part", join(root, "folder", partName()));
  assert.deepEqual(await removeLeftovers(root), []);
  assert.equal((await list()).length, names.length + 2);
  assert.equal((await readdir(join(root, "folder"))).length, 2);
  assert.deepEqual((await readdir(outside)).sort(), [part, "secret.txt"].sort());
});

test("folders below are left alone when that is asked for", async (t) => {
  const { root, put } = await scene(t);
  const part = await foreignPart(t, "ended");
  await put(part, "half");
  await put(`a/${part}`, "half");
  assert.deepEqual(await removeLeftovers(root, { deep: false }), [part]);
  assert.deepEqual(await removeLeftovers(join(root, "nowhere")), []);
});

function notLinux(): string | false {
  return process.platform === "linux" ? false : "the system does not tell when a process began";
}
