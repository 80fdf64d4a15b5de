import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import fs, { readFile, rename, rm, symlink } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { mock, type TestContext, test } from "node:test";
import fc from "fast-check";
import { TftpError } from "../../src/core/errors.ts";
import type { Storage } from "../../src/ports.ts";
import { directory } from "../../src/storage/directory.ts";
import { fails, readWhole, request, type Scene, scene, secret } from "./scene.ts";

const inside = "content inside";

/** A tree with every kind of link in it, and the names of its parts. */
async function hostileScene(place: Scene): Promise<string[]> {
  const { root, outside, put } = place;
  await put("a/b/x", inside);
  await put("secret.txt.d/x", inside);
  await symlink(outside, join(root, "out"));
  await symlink("../..", join(root, "a/up"));
  await symlink("../outside/secret.txt", join(root, "s"));
  await symlink("b", join(root, "a/in"));
  return ["a", "b", "x", "out", "up", "s", "in", "secret.txt", "outside", "root", basename(root)];
}

/** Undefined when refused. */
async function attempt(storage: Storage, name: string): Promise<string | undefined> {
  try {
    return (await readWhole(await storage.openRead(name, request))).toString();
  } catch (thrown) {
    assert.ok(thrown instanceof TftpError, `${JSON.stringify(name)} threw ${String(thrown)}`);
    return undefined;
  }
}

test("hostile names never reach the secret beside the root", async (t) => {
  const place = await scene(t);
  await hostileScene(place);
  const storage = directory(place.root, { dotFiles: true });
  const target = join(place.outside, "secret.txt");
  const names = [
    "../outside/secret.txt",
    "..\\outside\\secret.txt",
    "a/../../outside/secret.txt",
    "a/b/../../../outside/secret.txt",
    "a/up/outside/secret.txt",
    "a/up/root/out/secret.txt",
    "out/secret.txt",
    "out/../outside/secret.txt",
    "s",
    "./s",
    target,
    `/${target}`,
    `C:${target}`,
    `${place.root}/../outside/secret.txt`,
    `${place.root}/out/secret.txt`,
    `${place.root}-/../outside/secret.txt`,
    "....//....//outside/secret.txt",
    "..%2foutside%2fsecret.txt",
    "%2e%2e/outside/secret.txt",
    "..%c0%af../outside/secret.txt",
    "\u2025/outside/secret.txt",
    "..\0/outside/secret.txt",
    "x\0/../../outside/secret.txt",
    "file:///../outside/secret.txt",
    "/proc/self/cwd/../outside/secret.txt",
  ];
  for (const name of names) assert.equal(await attempt(storage, name), undefined, name);
  assert.equal(await attempt(storage, "a/in/x"), inside);
});

test("thousands of made-up names give inside content or a TftpError", async (t) => {
  const place = await scene(t);
  const words = await hostileScene(place);
  const storage = directory(place.root, { dotFiles: true });
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...words) },
    { weight: 5, arbitrary: fc.constantFrom("..", "..", ".", "...", " ", "%2e%2e", "C:", "~") },
    { weight: 1, arbitrary: fc.constantFrom("\0", "\n", "\ud800", "é", "n".repeat(300)) },
    { weight: 1, arbitrary: fc.constantFrom(place.root, place.outside, "/proc/self/root", "/dev") },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  );
  const separator = fc.constantFrom("/", "/", "\\", "//", "/./", "%2f", "");
  const name = fc
    .array(fc.tuple(separator, piece), { minLength: 1, maxLength: 10 })
    .map((pairs) => pairs.flat().join(""));
  let found = 0;
  const property = fc.asyncProperty(name, async (text) => {
    const content = await attempt(storage, text);
    if (content === undefined) return;
    assert.equal(content, inside);
    found++;
  });
  await fc.assert(property, { numRuns: 4000, examples: [["a/b/x"], ["/a//up/../in/x"]] });
  assert.ok(found > 0, "some names must hit, or nothing was tried");
});

test("made-up names for uploads leave everything outside as it was", async (t) => {
  const place = await scene(t);
  const words = await hostileScene(place);
  const storage = directory(place.root, { uploads: "overwrite", dotFiles: true });
  const before = readdirSync(place.outside);
  const piece = fc.constantFrom(...words, "..", ".", "up", "out", "\0", "C:", place.outside);
  const name = fc
    .array(fc.tuple(fc.constantFrom("/", "\\", "//"), piece), { minLength: 1, maxLength: 6 })
    .map((pairs) => pairs.flat().join(""));
  let written = 0;
  const property = fc.asyncProperty(name, async (text) => {
    try {
      const sink = await storage.openWrite(text, request);
      await sink.writev([Buffer.from(inside)]);
      await sink.commit();
      written++;
    } catch (thrown) {
      assert.ok(thrown instanceof TftpError, String(thrown));
    }
  });
  await fc.assert(property, { numRuns: 600, examples: [["a/b/new"], ["s"], ["out/secret.txt"]] });
  assert.ok(written > 0);
  assert.deepEqual(readdirSync(place.outside), before);
  assert.equal(await readFile(join(place.outside, "secret.txt"), "utf8"), secret);
  assert.deepEqual(readdirSync(join(place.root, "..")).sort(), ["outside", "root"]);
});

/** Calls `swap` once, between the look at a name and its opening. */
function betweenLookAndOpen(t: TestContext, swap: () => Promise<void>): void {
  const real = fs.lstat;
  const method = mock.method(fs, "lstat", async (path: string, options: { bigint: true }) => {
    const found = await real(path, options);
    restore();
    await swap();
    return found;
  });
  const restore = () => {
    method.mock.restore();
    syncBuiltinESMExports();
  };
  syncBuiltinESMExports();
  t.after(restore);
}

test("a name that becomes a link out before it is opened gives an error", async (t) => {
  const { root, outside, put } = await scene(t);
  const path = await put("x", inside);
  betweenLookAndOpen(t, async () => {
    await rm(path);
    await symlink(join(outside, "secret.txt"), path);
  });
  await fails(directory(root).openRead("x", request), "ACCESS_VIOLATION");
});

test("where /proc tells nothing, the name is resolved once more", async (t) => {
  const { root, outside, put } = await scene(t);
  const path = await put("x", inside);
  const blind = mock.method(fs, "readlink", async () => {
    throw new Error("no /proc");
  });
  syncBuiltinESMExports();
  t.after(() => {
    blind.mock.restore();
    syncBuiltinESMExports();
  });
  assert.equal(await attempt(directory(root), "x"), inside);
  betweenLookAndOpen(t, async () => {
    await rm(path);
    await symlink(join(outside, "secret.txt"), path);
  });
  await fails(directory(root).openRead("x", request), "ACCESS_VIOLATION");
  assert.equal(blind.mock.callCount(), 2);
});

test("where /proc tells nothing, a name that points inside again does not hide it", async (t) => {
  const { root, outside, put } = await scene(t);
  const path = await put("x", inside);
  betweenLookAndOpen(t, async () => {
    await rename(path, `${path}.kept`);
    await symlink(join(outside, "secret.txt"), path);
  });
  const blind = mock.method(fs, "readlink", async () => {
    await rename(`${path}.kept`, path);
    throw new Error("no /proc");
  });
  syncBuiltinESMExports();
  t.after(() => {
    blind.mock.restore();
    syncBuiltinESMExports();
  });
  await fails(directory(root).openRead("x", request), "ACCESS_VIOLATION");
  assert.equal(blind.mock.callCount(), 1);
});

test("a name that becomes a FIFO before it is opened does not block", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", inside);
  betweenLookAndOpen(t, async () => {
    await rm(path);
    execFileSync("mkfifo", [path]);
  });
  await fails(directory(root).openRead("x", request), "ACCESS_VIOLATION");
});

test("a folder that becomes a link out before it is opened takes no upload", async (t) => {
  const { root, outside, put } = await scene(t);
  await put("a/x", inside);
  betweenLookAndOpen(t, async () => {
    await rename(join(root, "a"), join(root, "b"));
    await symlink(outside, join(root, "a"));
  });
  const storage = directory(root, { uploads: "create" });
  await fails(storage.openWrite("a/new", request), "ACCESS_VIOLATION");
  assert.deepEqual(readdirSync(outside), ["secret.txt"]);
});

test("a folder that becomes a link out during an upload takes nothing outside", async (t) => {
  const place = await scene(t);
  await place.put("a/x", "old");
  const storage = directory(place.root, { uploads: "overwrite" });
  const sink = await storage.openWrite("a/x", request);
  await rename(join(place.root, "a"), join(place.root, "moved"));
  await symlink(place.outside, join(place.root, "a"));
  await sink.writev([Buffer.from("new")]);
  await sink.commit();
  assert.deepEqual(readdirSync(place.outside), ["secret.txt"]);
  assert.equal(await readFile(join(place.root, "moved/x"), "utf8"), "new");
  await rm(join(place.root, "a"));
});
