// The folder of `serve --capture` as a process sees it: made, written, and what stands in the way.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get } from "../../src/index.ts";
import { failsWith, folder, script, serving, tidewire } from "./command.ts";
import { started } from "./succession.ts";

const timeout = 40_000;
const isLinux = process.platform === "linux";
const linux = { timeout, skip: isLinux ? false : "needs Linux" };
const asRoot = {
  timeout,
  skip: isLinux && process.getuid?.() === 0 ? false : "needs root on Linux",
};
const here = ["--listen", "127.0.0.1", "--port", "0"];
const nobody = ["--user", "65534:65534"];

test("a folder that is not there is made, with those it is in", async (t) => {
  const captures = join(await folder(t), "a", "b");
  const { child, url, ended } = await serving(t, [await folder(t), "--capture", "all", captures]);
  await assert.rejects(get(`${url}/none`).bytes());
  assert.ok((await stat(captures)).isDirectory());
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("the folder is made with the rights that the server keeps", asRoot, async (t) => {
  const root = await folder(t);
  await chmod(root, 0o755);
  await writeFile(join(root, "a"), "content");
  const open = await folder(t);
  await chmod(open, 0o777);
  const captures = join(open, "captures");
  const args = [root, ...nobody, "--capture", "all", captures];
  const { child, url, ended, output } = await serving(t, args);
  await get(`${url}/a`).bytes();
  child.kill("SIGTERM");
  await ended;
  assert.equal((await stat(captures)).uid, 65_534);
  assert.equal((await readdir(captures)).length, 2);
  assert.doesNotMatch(output(), /problem/);
});

for (const [what, make] of [
  ["cannot be made", false],
  ["cannot be written", true],
] as const) {
  test(`a folder that ${what} after root is given up is told at the start`, asRoot, async (t) => {
    const root = await folder(t);
    await chmod(root, 0o755);
    const captures = join(root, "captures");
    if (make) await mkdir(captures);
    const args = ["serve", root, ...here, ...nobody, "--capture", "all", captures];
    failsWith(await tidewire(args), 1, /no captures can be kept in \S+captures \(EACCES\)\.\nHint/);
  });
}

test(
  "a folder where the system lets nobody make one is told, and not tried for ever",
  linux,
  async (t) => {
    const args = ["serve", await folder(t), ...here, "--capture", "all", "/proc/none/captures"];
    failsWith(
      await tidewire(args),
      1,
      /no captures can be kept in \/proc\/none\/captures \(ENOENT\)/,
    );
  },
);

test("a file named as the folder is told", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "file"), "");
  const args = ["serve", root, ...here, "--capture", "all", join(root, "file")];
  failsWith(await tidewire(args), 1, /no captures can be kept in \S+file \(EEXIST\)/);
});

test("a capture that cannot be written whole leaves nothing, and is named", linux, async (t) => {
  const root = await folder(t);
  const captures = await folder(t);
  await writeFile(join(root, "large"), new Uint8Array(100_000));
  // No file may become larger than this, as on a disk that is full.
  const limited = 'ulimit -f 8; exec "$@"';
  const args = [script, "serve", root, ...here, "--capture", "all", captures];
  const sh = spawn("sh", ["-c", limited, "sh", process.execPath, ...args], { detached: true });
  const { child, url, printed, ended } = await started(t, sh);
  await get(`${url}/large`).bytes();
  const told =
    /problem: the capture \S+_1_127\.0\.0\.1_get_large_\S+ cannot be written \(EFBIG\)\. \S/;
  await printed(told);
  assert.deepEqual(await readdir(captures), []);
  child.kill("SIGTERM");
  await ended;
});

test("a folder that was deleted meanwhile is made again", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const captures = join(await folder(t), "captures");
  const { child, url, ended, output } = await serving(t, [root, "--capture", "all", captures]);
  await rm(captures, { recursive: true });
  await get(`${url}/a`).bytes();
  child.kill("SIGTERM");
  await ended;
  assert.equal((await readdir(captures)).length, 2);
  assert.doesNotMatch(output(), /problem/);
});
