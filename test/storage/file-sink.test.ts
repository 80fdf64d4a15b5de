import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { constants } from "node:fs";
import fs, { open as openFile, readFile, stat, symlink } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { mock, type TestContext, test } from "node:test";
import { fileSink } from "../../src/storage/file-sink.ts";
import { fails, parts, scene } from "./scene.ts";

/** Puts `link` out of service, as on a file system without hard links. */
function withoutHardLinks(t: TestContext, code: string) {
  const method = mock.method(fs, "link", async () => {
    throw Object.assign(new Error(code), { code });
  });
  syncBuiltinESMExports();
  t.after(() => {
    method.mock.restore();
    syncBuiltinESMExports();
  });
  return method.mock;
}

test("a file appears at commit and replaces what was there", async (t) => {
  const { root, put, list } = await scene(t);
  const path = await put("x", "old");
  const sink = await fileSink(path);
  await sink.writev(parts("new"));
  assert.equal(await readFile(path, "utf8"), "old");
  await sink.commit();
  await sink.commit();
  await sink.discard();
  assert.equal(await readFile(path, "utf8"), "new");
  assert.deepEqual(await list(), ["x"]);
  assert.ok(root);
});

test("without overwrite a file is kept, whenever it came", async (t) => {
  const { root, put, list } = await scene(t);
  const path = join(root, "x");
  const sink = await fileSink(path, { overwrite: false });
  await put("x", "old");
  await fails(sink.commit(), "FILE_EXISTS");
  await fails(fileSink(path, { overwrite: false }), "FILE_EXISTS");
  assert.deepEqual(await list(), ["x"]);
  assert.equal(await readFile(path, "utf8"), "old");
});

for (const code of ["EPERM", "ENOTSUP"]) {
  test(`without hard links (${code}) a new name is given and a taken one refused`, async (t) => {
    const { root, put, list } = await scene(t);
    const link = withoutHardLinks(t, code);
    const sink = await fileSink(join(root, "x"), { overwrite: false });
    await sink.writev(parts("new"));
    await sink.commit();
    assert.equal(await readFile(join(root, "x"), "utf8"), "new");
    const late = await fileSink(join(root, "y"), { overwrite: false });
    await put("y", "first");
    await fails(late.commit(), "FILE_EXISTS");
    assert.equal(link.callCount(), 2);
    assert.equal(await readFile(join(root, "y"), "utf8"), "first");
    assert.deepEqual(await list(), ["x", "y"]);
  });
}

test("a link stays a link and its target is replaced", async (t) => {
  const { root, put, list } = await scene(t);
  await put("a/x", "old");
  await symlink("a/x", join(root, "link"));
  const sink = await fileSink(join(root, "link"));
  await sink.writev(parts("new"));
  await sink.commit();
  assert.equal(await readFile(join(root, "a/x"), "utf8"), "new");
  assert.equal(await readFile(join(root, "link"), "utf8"), "new");
  assert.deepEqual(await list(), ["a", "link"]);
});

test("a link to nothing stays a link and its target is created", async (t) => {
  const { root, put, list } = await scene(t);
  await put("a/other", "");
  await symlink("../a/x", join(root, "a", "second"));
  await symlink("a/second", join(root, "first"));
  const sink = await fileSink(join(root, "first"));
  await sink.writev(parts("new"));
  await sink.commit();
  assert.equal(await readFile(join(root, "a/x"), "utf8"), "new");
  assert.equal(await readFile(join(root, "first"), "utf8"), "new");
  assert.deepEqual(await list(), ["a", "first"]);
  await symlink("none/x", join(root, "astray"));
  await fails(fileSink(join(root, "astray")), "FILE_NOT_FOUND");
  await fails(
    fileSink(join(root, "astray"), { overwrite: false }).then((s) => s.commit()),
    "FILE_EXISTS",
  );
});

test("a FIFO takes the bytes as they come and stays a FIFO", async (t) => {
  const { root, list } = await scene(t);
  const path = join(root, "fifo");
  execFileSync("mkfifo", [path]);
  const reader = await openFile(path, constants.O_RDWR);
  t.after(() => reader.close());
  const sink = await fileSink(path);
  await sink.writev(parts("content"));
  const { buffer, bytesRead } = await reader.read(Buffer.alloc(20), 0, 20);
  assert.equal(buffer.toString("utf8", 0, bytesRead), "content");
  await sink.commit();
  await sink.discard();
  assert.ok((await stat(path)).isFIFO());
  assert.deepEqual(await list(), ["fifo"]);
});

test("a full device gives DISK_FULL", async (t) => {
  const { root, list } = await scene(t);
  // A device node of our own: a wrong sink would replace it, and the machine needs its /dev/full.
  const path = join(root, "full");
  try {
    execFileSync("mknod", [path, "c", "1", "7"], { stdio: "ignore" });
    await (await openFile(path, "w")).close();
  } catch {
    t.skip("needs the right to make a device");
    return;
  }
  const sink = await fileSink(path);
  await fails(sink.writev(parts("x")), "DISK_FULL");
  await sink.discard();
  assert.deepEqual(await list(), ["full"]);
});

test("a folder, and a path in a missing one, are refused with the path in the cause", async (t) => {
  const { root } = await scene(t);
  await fails(fileSink(root), "ACCESS_VIOLATION");
  const error = await fails(fileSink(join(root, "none/x")), "FILE_NOT_FOUND");
  assert.equal(error.message, "the folder does not exist");
  assert.match(String(error.cause), /ENOENT.*none/);
});

test("a short write of the system is continued", async (t) => {
  const { root } = await scene(t);
  const sample = await openFile(root);
  const prototype = Object.getPrototypeOf(sample);
  const real = prototype.writev;
  const short = mock.method(
    prototype,
    "writev",
    function (this: unknown, views: Uint8Array[], position: number) {
      return real.call(this, [views[0]?.subarray(0, 2)], position);
    },
  );
  t.after(() => short.mock.restore());
  await sample.close();
  const sink = await fileSink(join(root, "x"));
  await sink.writev(parts("0123456789"));
  await sink.writev(parts("abc"));
  await sink.commit();
  assert.equal(await readFile(join(root, "x"), "utf8"), "0123456789abc");
  assert.ok(short.mock.callCount() >= 6);
});

test("the content is synced before it gets its name, and the folder after", async (t) => {
  const { root } = await scene(t);
  const steps = await stepsOfCommit(t, root);
  await (await fileSink(join(root, "x"))).commit();
  assert.deepEqual(steps, ["sync", "rename", "sync"]);
});

test("who does not insist on it does not wait for the disk", async (t) => {
  const { root } = await scene(t);
  const steps = await stepsOfCommit(t, root);
  await (await fileSink(join(root, "x"), { durable: false })).commit();
  assert.deepEqual(steps, ["rename"]);
});

test("a blocking sink has written when the call returns", async (t) => {
  const { root, list } = await scene(t);
  const sink = await fileSink(join(root, "x"), { blocking: true });
  const batch = [Buffer.alloc(70_000, "a"), Buffer.alloc(70_000, "b")];
  assert.equal(sink.writeAtOnce?.(batch), true);
  const [part = ""] = await list();
  assert.equal((await stat(join(root, part))).size, 140_000);
  await sink.writev(parts("end"));
  await sink.commit();
  assert.deepEqual(await list(), ["x"]);
  const expected = Buffer.concat([...batch, Buffer.from("end")]);
  assert.deepEqual(await readFile(join(root, "x")), expected);
});

/** What a commit does from now on, in order. */
async function stepsOfCommit(t: TestContext, root: string): Promise<readonly string[]> {
  const steps: string[] = [];
  const sample = await openFile(root);
  const prototype = Object.getPrototypeOf(sample);
  const realSync = prototype.sync;
  const realRename = fs.rename;
  const sync = mock.method(prototype, "sync", function (this: unknown) {
    steps.push("sync");
    return realSync.call(this);
  });
  const rename = mock.method(fs, "rename", (from: string, to: string) => {
    steps.push("rename");
    return realRename(from, to);
  });
  syncBuiltinESMExports();
  t.after(() => {
    sync.mock.restore();
    rename.mock.restore();
    syncBuiltinESMExports();
  });
  await sample.close();
  return steps;
}

test("a discard in the middle of a write leaves nothing", async (t) => {
  const { root, list } = await scene(t);
  const sink = await fileSink(join(root, "x"));
  const writing = sink.writev([Buffer.alloc(1 << 20)]).catch(() => undefined);
  await sink.discard();
  await writing;
  assert.deepEqual(await list(), []);
});

test("a discard in the middle of a commit waits for it and keeps the file", async (t) => {
  const { root, list } = await scene(t);
  const sink = await fileSink(join(root, "x"));
  const committing = sink.commit();
  await sink.discard();
  assert.deepEqual(await list(), ["x"]);
  await committing;
});
