// --capture of `tidewire get` and `put`: what it must not replace, and what it cannot write.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { link, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { memory } from "../../src/index.ts";
import { failsWith, folder, libraryServer, tidewire } from "./command.ts";

test("a capture that would replace the file that is sent is refused", async (t) => {
  const storage = memory({}, { uploads: "overwrite" });
  const { url } = await libraryServer(t, storage);
  const cwd = await folder(t);
  const content = "the only copy";
  await writeFile(join(cwd, "x.json"), content);
  await symlink(".", join(cwd, "here"));
  await symlink("x.json", join(cwd, "soft"));
  await link(join(cwd, "x.json"), join(cwd, "hard"));
  for (const capture of ["x.json", "x", "./x", "here/x", "soft", "hard"]) {
    const result = await tidewire(["put", "x.json", `${url}/x`, "--capture", capture], { cwd });
    failsWith(result, 2, /the capture would replace x\.json\.\nHint: Name another file/);
    assert.equal(readFileSync(join(cwd, "x.json"), "utf8"), content);
  }
  assert.equal(storage.files.size, 0);
});

test("a capture that would replace the file that is fetched is refused", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "1", y: "2" }));
  const cwd = await folder(t);
  await symlink(".", join(cwd, "here"));
  for (const args of [
    ["-o", "x", "--capture", "x"],
    ["--capture", "here/x"],
    ["-o", "here/x.json", "--capture", "x"],
  ]) {
    const result = await tidewire(["get", `${url}/x`, ...args], { cwd });
    failsWith(result, 2, /the capture would replace (here\/)?x(\.json)?\./);
    assert.equal(existsSync(join(cwd, "x")), false);
  }
  const several = ["get", `${url}/x`, `${url}/y`, "--capture", "y"];
  failsWith(await tidewire(several, { cwd }), 2, /the capture would replace y\./);
});

test("a capture that cannot be written is told before anything is asked", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "1" }));
  const cwd = await folder(t);
  await mkdir(join(cwd, "taken.json"));
  for (const [capture, code] of [
    ["none/c", "ENOENT"],
    ["taken", "EISDIR"],
  ] as const) {
    const result = await tidewire(["get", `${url}/x`, "--capture", capture], { cwd });
    const says = `the capture ${capture} cannot be written \\(${code}\\)\\.\nHint: Name another`;
    failsWith(result, 1, new RegExp(says));
    assert.equal(existsSync(join(cwd, "x")), false);
  }
});

test("a capture for which there is no room leaves no part of it", async (t) => {
  const { url } = await libraryServer(t, memory({ x: Buffer.alloc(300_000) }));
  const cwd = await folder(t);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", cwd], { stdio: "ignore" });
  } catch {
    return t.skip("nothing can be mounted here");
  }
  try {
    const result = await tidewire(["get", `${url}/x`, "-o", "/dev/null", "--capture", "c"], {
      cwd,
    });
    failsWith(result, 1, /the capture c cannot be written \(ENOSPC\)\.\nHint: .* make room there/);
    assert.deepEqual(await readdir(cwd), []);
  } finally {
    execFileSync("umount", [cwd]);
  }
});
