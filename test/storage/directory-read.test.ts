import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFile,
  chmod,
  link,
  mkdir,
  open as openFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { mock, test } from "node:test";
import { directory } from "../../src/storage/directory.ts";
import { fails, readText, readWhole, request, scene, secret } from "./scene.ts";

test("files of every length around the step of a read are given whole", async (t) => {
  const { root, put } = await scene(t);
  for (const length of [0, 1, 999, 1000, 1001, 2000, 70_000]) {
    const content = Buffer.from(Array.from({ length }, (_, at) => at % 251));
    await put("a/file", content);
    const source = await directory(root).openRead("a/file", request);
    assert.equal(source.size, length);
    assert.deepEqual(await readWhole(source), content);
  }
});

test("more parts than one system call takes are filled all the same", async (t) => {
  const { root, put } = await scene(t);
  await put("x", Buffer.alloc(5000, 7));
  const source = await directory(root).openRead("x", request);
  t.after(() => source.close());
  const parts = Array.from({ length: 3000 }, () => Buffer.alloc(1));
  assert.equal(await source.readv(parts, 0), 3000);
  assert.ok(parts.every(([byte]) => byte === 7));
});

test("a short read of the system is continued", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", "0123456789");
  const source = await directory(root).openRead("x", request);
  const sample = await openFile(path);
  const real = Object.getPrototypeOf(sample).readv;
  const short = mock.method(
    Object.getPrototypeOf(sample),
    "readv",
    function (this: unknown, parts: Uint8Array[], position: number) {
      return real.call(this, [parts[0]?.subarray(0, 2)], position);
    },
  );
  try {
    assert.equal((await readWhole(source)).toString(), "0123456789");
    assert.ok(short.mock.callCount() >= 5);
  } finally {
    short.mock.restore();
    await sample.close();
  }
});

test("a source may be closed twice", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "x");
  const source = await directory(root).openRead("x", request);
  await source.close();
  await source.close();
  await fails(source.readv([Buffer.alloc(1)], 0), "STORAGE");
});

test("missing names and names through a file are not found", async (t) => {
  const { root, put } = await scene(t);
  await put("file", "x");
  for (const name of ["none", "none/x", "file/x", "file/../none", `${"n/".repeat(100)}x`]) {
    const error = await fails(directory(root).openRead(name, request), "FILE_NOT_FOUND");
    assert.equal(error.message, "file not found");
  }
});

test("a missing root is a missing file", async (t) => {
  const { root } = await scene(t);
  await fails(directory(join(root, "none")).openRead("x", request), "FILE_NOT_FOUND");
});

test("an empty root and an unknown policy are refused at once", () => {
  assert.throws(() => directory(""), { code: "INVALID_ARGUMENT" });
  assert.throws(() => directory(".", { uploads: "yes" as "off" }), { code: "INVALID_ARGUMENT" });
});

test("dot files are hidden unless they are asked for", async (t) => {
  const { root, put } = await scene(t);
  await put(".a/x", "hidden");
  await fails(directory(root).openRead(".a/x", request), "FILE_NOT_FOUND");
  assert.equal(await readText(directory(root, { dotFiles: true }), ".a/x"), "hidden");
});

test("an upload under way cannot be read, even with dot files shown", async (t) => {
  const { root, put } = await scene(t);
  await put(".tidewire-0011.part", "half");
  const shown = directory(root, { dotFiles: true });
  await fails(shown.openRead(".tidewire-0011.part", request), "FILE_NOT_FOUND");
});

test("an absolute path below the root is found, the plain name first", async (t) => {
  const { root, put } = await scene(t);
  await put("x", "by its path");
  assert.equal(await readText(directory(root), join(root, "x")), "by its path");
  await put(join(root, "x").slice(1), "by its plain name");
  assert.equal(await readText(directory(root), join(root, "x")), "by its plain name");
});

test("a root that is a link serves what it points to now", async (t) => {
  const { root, outside, put } = await scene(t);
  await put("v1/x", "one");
  await put("v2/x", "two");
  const current = join(outside, "current");
  await symlink(join(root, "v1"), current);
  const storage = directory(current);
  assert.equal(await readText(storage, "x"), "one");
  await rm(current);
  await symlink(join(root, "v2"), current);
  assert.equal(await readText(storage, "x"), "two");
});

test("links that stay inside are followed", async (t) => {
  const { root, put } = await scene(t);
  await put("real/x", "content");
  await symlink("real/x", join(root, "relative"));
  await symlink(join(root, "real/x"), join(root, "absolute"));
  await symlink("real", join(root, "folder"));
  for (const name of ["relative", "absolute", "folder/x"]) {
    assert.equal(await readText(directory(root), name), "content");
  }
});

test("links out of the root are refused, whether their target exists or not", async (t) => {
  const { root, outside } = await scene(t);
  await symlink("../outside/secret.txt", join(root, "file"));
  await symlink(outside, join(root, "folder"));
  await symlink("folder", join(root, "chain"));
  for (const name of [
    "file",
    "folder",
    "folder/secret.txt",
    "chain/secret.txt",
    "folder/none",
    "chain/n/n",
  ]) {
    const error = await fails(directory(root).openRead(name, request), "ACCESS_VIOLATION");
    assert.equal(error.message, "the name leads out of the served folder");
  }
});

test("a folder beside the root whose name begins alike is outside", async (t) => {
  const { root } = await scene(t);
  await mkdir(`${root}-secret`);
  await writeFile(`${root}-secret/x`, secret);
  await symlink(`${root}-secret/x`, join(root, "x"));
  await fails(directory(root).openRead("x", request), "ACCESS_VIOLATION");
});

test("links in a circle and links to nothing are not found", async (t) => {
  const { root } = await scene(t);
  await symlink("b", join(root, "a"));
  await symlink("a", join(root, "b"));
  await symlink("none", join(root, "dangling"));
  for (const name of ["a", "b/x", "dangling"]) {
    await fails(directory(root).openRead(name, request), "FILE_NOT_FOUND");
  }
});

test("a FIFO, a socket, a device and a folder are refused at once", async (t) => {
  const { root, put } = await scene(t);
  await put("folder/x", "x");
  execFileSync("mkfifo", [join(root, "fifo")]);
  await symlink("fifo", join(root, "link"));
  await symlink("/dev/zero", join(root, "zero"));
  const server = createServer();
  await new Promise<void>((done) => server.listen(join(root, "socket"), done));
  t.after(() => server.close());
  for (const name of ["folder", "fifo", "link", "zero", "socket"]) {
    await fails(directory(root).openRead(name, request), "ACCESS_VIOLATION");
  }
});

test("a file that may not be read is refused", async (t) => {
  if (process.getuid?.() === 0) return t.skip("root may read everything");
  const { root, put } = await scene(t);
  await chmod(await put("x", "x"), 0);
  const error = await fails(directory(root).openRead("x", request), "ACCESS_VIOLATION");
  assert.equal(error.message, "access denied");
});

test("what an error says to the client names no path, its cause does", async (t) => {
  const { root } = await scene(t);
  const error = await fails(directory(root).openRead("none", request), "FILE_NOT_FOUND");
  assert.ok(!error.message.includes(root));
  assert.match(String(error.cause), /ENOENT/);
});

const changes: readonly [what: string, change: (path: string) => Promise<void>][] = [
  ["shrank", (path) => truncate(path, 1500)],
  ["was emptied", (path) => truncate(path, 0)],
  ["grew", (path) => appendFile(path, "more")],
  ["was written over", (path) => writeFile(path, Buffer.alloc(2000, 2))],
  [
    "was written over while a name was added",
    async (path) => {
      await writeFile(path, Buffer.alloc(2000, 2));
      await link(path, `${path}.second`);
    },
  ],
  [
    "was written over with the old time",
    async (path) => {
      await writeFile(path, Buffer.alloc(2000, 2));
      await utimes(path, 1, 1);
    },
  ],
  [
    "got a name more and was written over with the old time",
    async (path) => {
      await link(path, `${path}.second`);
      await writeFile(path, Buffer.alloc(2000, 2));
      await utimes(path, 1, 1);
    },
  ],
];

for (const [what, change] of changes) {
  test(`a file that ${what} during the read gives an error and never its last byte`, async (t) => {
    const { root, put } = await scene(t);
    const path = await put("x", Buffer.alloc(2000, 1));
    await utimes(path, 1, 1);
    const source = await directory(root).openRead("x", request);
    t.after(() => source.close());
    assert.equal(await source.readv([Buffer.alloc(1000)], 0), 1000);
    await change(path);
    const error = await fails(source.readv([Buffer.alloc(1000)], 1000), "STORAGE");
    assert.equal(error.message, "the file changed while it was read");
  });
}

test("a file that shrank gives an error at the first byte that is missing", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", Buffer.alloc(2000, 1));
  const source = await directory(root).openRead("x", request);
  t.after(() => source.close());
  await truncate(path, 500);
  await fails(source.readv([Buffer.alloc(1000)], 0), "STORAGE");
});

test("no byte is given beyond the announced size", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", "0123456789");
  const source = await directory(root).openRead("x", request);
  t.after(() => source.close());
  assert.equal(await source.readv([Buffer.alloc(20)], 0), 10);
  assert.equal(await source.readv([Buffer.alloc(9)], 10), 0);
  await appendFile(path, "more");
  assert.equal(await source.readv([Buffer.alloc(9)], 10), 0);
});

test("a file that lost a name during the read may not change after that either", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", Buffer.alloc(3000, 1));
  await utimes(path, 1, 1);
  await link(path, `${path}.second`);
  const source = await directory(root).openRead("x", request);
  t.after(() => source.close());
  await source.readv([Buffer.alloc(1000)], 0);
  await rm(`${path}.second`);
  await source.readv([Buffer.alloc(1000)], 1000);
  await writeFile(path, Buffer.alloc(3000, 2));
  await utimes(path, 1, 1);
  await fails(source.readv([Buffer.alloc(1000)], 2000), "STORAGE");
});

test("a file that is replaced or loses its name during the read is read to its end", async (t) => {
  const { root, put } = await scene(t);
  const path = await put("x", Buffer.alloc(2000, 1));
  await put("y", Buffer.alloc(2000, 1));
  await link(path, `${path}.second`);
  for (const [name, change] of [
    ["x", () => rm(`${path}.second`)],
    ["x", () => put("n", "new").then((added) => rename(added, path))],
    ["y", () => rm(join(root, "y"))],
  ] as const) {
    const source = await directory(root).openRead(name, request);
    assert.equal(await source.readv([Buffer.alloc(1000)], 0), 1000);
    await change();
    const rest = Buffer.alloc(1000);
    assert.equal(await source.readv([rest], 1000), 1000);
    assert.deepEqual(rest, Buffer.alloc(1000, 1));
    await source.close();
  }
});
