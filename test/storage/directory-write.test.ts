import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fileSystem, {
  chmod,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { directory } from "../../src/storage/directory.ts";
import { fails, open, parts, readText, readWhole, request, scene, write } from "./scene.ts";

test("uploads are off unless they are asked for", async (t) => {
  const { root, list } = await scene(t);
  const error = await fails(open(directory(root), "x"), "ACCESS_VIOLATION");
  assert.equal(error.message, "uploads are not allowed here");
  assert.deepEqual(await list(), []);
});

for (const uploads of ["create", "overwrite"] as const) {
  test(`with "${uploads}" a new file appears whole at commit`, async (t) => {
    const { root, list, put } = await scene(t);
    await put("a/other", "");
    const storage = directory(root, { uploads });
    const sink = await open(storage, "/a\\x");
    await sink.writev(parts("first "));
    await fails(storage.openRead("a/x", request), "FILE_NOT_FOUND");
    await sink.writev([]);
    await sink.writev(parts("second"));
    await sink.commit();
    assert.equal(await readText(storage, "a/x"), "first second");
    assert.deepEqual(await list("a"), ["other", "x"]);
  });

  test(`with "${uploads}" an aborted upload leaves no file`, async (t) => {
    const { root, list } = await scene(t);
    const sink = await open(directory(root, { uploads }), "x");
    await sink.writev(parts("half"));
    assert.equal((await list()).length, 1);
    await sink.discard();
    await sink.discard();
    assert.deepEqual(await list(), []);
    await fails(sink.commit(), "ABORTED");
    assert.deepEqual(await list(), []);
  });
}

test("an empty upload makes an empty file", async (t) => {
  const { root } = await scene(t);
  const storage = directory(root, { uploads: "create" });
  await write(storage, "x", "");
  assert.equal(await readText(storage, "x"), "");
});

test("create refuses a taken name before the first block", async (t) => {
  const { root, put, list } = await scene(t);
  await put("x", "old");
  await symlink("none", join(root, "dangling"));
  const storage = directory(root, { uploads: "create" });
  await fails(open(storage, "x"), "FILE_EXISTS");
  await fails(open(storage, "dangling"), "FILE_EXISTS");
  assert.deepEqual(await list(), ["dangling", "x"]);
});

test("create refuses a name that was taken meanwhile, and leaves nothing behind", async (t) => {
  const { root, put, list } = await scene(t);
  const sink = await open(directory(root, { uploads: "create" }), "x");
  await sink.writev(parts("late"));
  await put("x", "first");
  await fails(sink.commit(), "FILE_EXISTS");
  await sink.discard();
  assert.deepEqual(await list(), ["x"]);
  assert.equal(await readFile(join(root, "x"), "utf8"), "first");
});

test("of two uploads to one new name the first commit stays with create", async (t) => {
  const { root, list } = await scene(t);
  const storage = directory(root, { uploads: "create" });
  const [one, two] = [await open(storage, "x"), await open(storage, "x")];
  await one.writev(parts("one"));
  await two.writev(parts("two, which is longer"));
  const results = await Promise.allSettled([two.commit(), one.commit()]);
  const [kept, ...others] = results.flatMap((result, at) =>
    result.status === "fulfilled" ? [["two, which is longer", "one"][at]] : [],
  );
  assert.deepEqual(others, []);
  assert.equal(await readText(storage, "x"), kept);
  assert.deepEqual(await list(), ["x"]);
});

test("of two uploads to one name the last commit stays with overwrite, whole", async (t) => {
  const { root, put, list } = await scene(t);
  await put("x", "old");
  const storage = directory(root, { uploads: "overwrite" });
  const [one, two] = [await open(storage, "x"), await open(storage, "x")];
  await one.writev(parts("one, which is longer"));
  await two.writev(parts("two"));
  await one.commit();
  assert.equal(await readText(storage, "x"), "one, which is longer");
  await two.commit();
  assert.equal(await readText(storage, "x"), "two");
  assert.deepEqual(await list(), ["x"]);
});

test("a reader keeps the whole old version while an upload replaces it", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "o".repeat(3000));
  const storage = directory(root, { uploads: "overwrite" });
  const source = await storage.openRead("x", request);
  const first = Buffer.alloc(1000);
  await source.readv([first], 0);
  await write(storage, "x", "new");
  const rest = Buffer.alloc(2500);
  assert.equal(await source.readv([rest], 1000), 2000);
  await source.close();
  assert.equal(`${first}${rest.subarray(0, 2000)}`, "o".repeat(3000));
  assert.equal(await readText(storage, "x"), "new");
});

test("an aborted overwrite leaves the old content", async (t) => {
  const { root, put, list } = await scene(t);
  await put("x", "old");
  const sink = await open(directory(root, { uploads: "overwrite" }), "x");
  await sink.writev(parts("new"));
  await sink.discard();
  assert.deepEqual(await list(), ["x"]);
  assert.equal(await readFile(join(root, "x"), "utf8"), "old");
});

test("a replaced file keeps its permissions, and the upload never had more", async (t) => {
  const { root, put, list } = await scene(t);
  const path = await put("x", "old");
  const storage = directory(root, { uploads: "overwrite" });
  for (const mode of [0o600, 0o640, 0o666, 0o755]) {
    await chmod(path, mode);
    const sink = await open(storage, "x");
    const temporary = (await list()).find((name) => name !== "x") ?? "";
    assert.equal((await stat(join(root, temporary))).mode & 0o777 & ~mode, 0);
    await sink.commit();
    assert.equal((await stat(path)).mode & 0o777, mode);
  }
});

test("an overwrite through a link inside replaces the target and keeps the link", async (t) => {
  const { root, put, list } = await scene(t);
  await put("real/x", "old");
  await symlink("real/x", join(root, "link"));
  await symlink("real", join(root, "folder"));
  const storage = directory(root, { uploads: "overwrite" });
  await write(storage, "link", "new");
  assert.ok((await lstat(join(root, "link"))).isSymbolicLink());
  assert.equal(await readText(storage, "real/x"), "new");
  await write(storage, "folder/x", "newer");
  assert.equal(await readText(storage, "real/x"), "newer");
  assert.deepEqual(await list("real"), ["x"]);
});

test("an upload through a link out is refused and touches nothing", async (t) => {
  const { root, outside } = await scene(t);
  await symlink(outside, join(root, "out"));
  await symlink(join(outside, "secret.txt"), join(root, "s"));
  const storage = directory(root, { uploads: "overwrite" });
  for (const name of ["out/x", "out/secret.txt", "out/none/x", "s"]) {
    await fails(open(storage, name), "ACCESS_VIOLATION");
  }
  await fails(open(storage, "../outside/x"), "ACCESS_VIOLATION");
});

test("what is not a regular file cannot be replaced", async (t) => {
  const { root, put } = await scene(t);
  await put("folder/x", "x");
  await symlink("folder", join(root, "link"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  for (const uploads of ["create", "overwrite"] as const) {
    for (const name of ["folder", "fifo"]) {
      await fails(open(directory(root, { uploads }), name), "ACCESS_VIOLATION");
    }
  }
  await fails(open(directory(root, { uploads: "overwrite" }), "link"), "ACCESS_VIOLATION");
});

test("an upload into a missing folder gets the code that makes U-Boot stop", async (t) => {
  const { root, put, list } = await scene(t);
  await put("file", "x");
  for (const name of ["none/x", "none/none/x", "file/x"]) {
    const error = await fails(open(directory(root, { uploads: "create" }), name), "FILE_NOT_FOUND");
    assert.equal(error.message, "the folder does not exist");
    assert.equal(error.wireCode, 1);
  }
  assert.deepEqual(await list(), ["file"]);
});

test("hidden names cannot be written", async (t) => {
  const { root } = await scene(t);
  const storage = directory(root, { uploads: "create" });
  await fails(open(storage, ".x"), "FILE_NOT_FOUND");
  await fails(open(storage, ".tidewire-00.part"), "FILE_NOT_FOUND");
  await write(directory(root, { uploads: "create", dotFiles: true }), ".x", "x");
});

test("an upload by the root's own path lands below the root", async (t) => {
  const { root, list } = await scene(t);
  await write(directory(root, { uploads: "create" }), join(root, "x"), "x");
  assert.deepEqual(await list(), ["x"]);
});

test("a size beyond the free space is refused before the first block", async (t) => {
  const { root, list } = await scene(t);
  const storage = directory(root, { uploads: "create" });
  const error = await fails(storage.openWrite("x", { ...request, size: 2 ** 60 }), "DISK_FULL");
  assert.equal(error.wireCode, 3);
  assert.deepEqual(await list(), []);
  const sink = await storage.openWrite("x", { ...request, size: 3 });
  await sink.discard();
});

test("where nobody tells how much room there is the upload tries", async (t) => {
  const { root } = await scene(t);
  const statfs = t.mock.method(fileSystem, "statfs", async () => {
    throw Object.assign(new Error("not here"), { code: "ENOSYS" });
  });
  syncBuiltinESMExports();
  t.after(() => {
    statfs.mock.restore();
    syncBuiltinESMExports();
  });
  const storage = directory(root, { uploads: "create" });
  const sink = await storage.openWrite("x", { ...request, size: 5 });
  await sink.discard();
  assert.equal(statfs.mock.callCount(), 1);
});

test("a folder that is removed during the upload makes commit fail", async (t) => {
  const { root, put, list } = await scene(t);
  await put("a/old", "old");
  const sink = await open(directory(root, { uploads: "overwrite" }), "a/x");
  await sink.writev(parts("new"));
  await rm(join(root, "a"), { recursive: true });
  await fails(sink.commit(), "FILE_NOT_FOUND");
  await sink.discard();
  assert.deepEqual(await list(), []);
});

test("a folder in the way at commit makes it fail and leaves no trace", async (t) => {
  const { root, list } = await scene(t);
  for (const uploads of ["create", "overwrite"] as const) {
    const sink = await open(directory(root, { uploads }), "x");
    await mkdir(join(root, "x"));
    await fails(sink.commit(), uploads === "create" ? "FILE_EXISTS" : "ACCESS_VIOLATION");
    await sink.discard();
    assert.deepEqual(await list(), ["x"]);
    await rm(join(root, "x"), { recursive: true });
  }
});

test("a full disk gives DISK_FULL, no trace, and the old content", async (t) => {
  const { root } = await scene(t);
  const small = join(root, "small");
  await mkdir(small);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "none", small], { stdio: "ignore" });
  } catch {
    t.skip("needs the right to mount a small tmpfs");
    return;
  }
  try {
    await writeFile(join(small, "x"), "old");
    const storage = directory(small, { uploads: "overwrite" });
    await fails(storage.openWrite("x", { ...request, size: 200_000 }), "DISK_FULL");
    const sink = await open(storage, "x");
    const blocks = Array.from({ length: 100 }, () => Buffer.alloc(2000, 1));
    await fails(sink.writev(blocks), "DISK_FULL");
    await fails(sink.commit(), "DISK_FULL");
    await sink.discard();
    assert.equal((await readWhole(await storage.openRead("x", request))).toString(), "old");
    await write(storage, "y", "there is room again");
  } finally {
    execFileSync("umount", ["-l", small]);
  }
});

test("a moved folder takes its upload along", async (t) => {
  const { root, put, list } = await scene(t);
  await put("a/old", "old");
  const sink = await open(directory(root, { uploads: "create" }), "a/x");
  await rename(join(root, "a"), join(root, "b"));
  await sink.discard();
  assert.deepEqual(await list("b"), ["old"]);
});
