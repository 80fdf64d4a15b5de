// What `get` and `put` read and write besides files that lie still: folders and disks as standard
// input and output, and files that change.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { memory, type Storage } from "../../src/index.ts";
import { failsWith, folder, libraryServer, script, tidewire } from "./command.ts";

const large = 4_000_000;

/** A server to which a file comes while something is done to it. */
function meanwhile(act: () => Promise<void>): { storage: Storage; stored: () => Buffer } {
  const pieces: Uint8Array[] = [];
  let whole: Buffer | undefined;
  const sink = {
    async writev(payloads: readonly Uint8Array[]) {
      if (pieces.length === 0) await act();
      pieces.push(...payloads.map((payload) => payload.slice()));
    },
    commit: async () => void (whole = Buffer.concat(pieces)),
    discard: async () => {},
  };
  const openRead = async (): Promise<never> => assert.fail("nobody fetches here");
  const stored = (): Buffer => whole ?? assert.fail("nothing was stored");
  return { storage: { openRead, openWrite: async () => sink }, stored };
}

const changes: readonly [what: string, change: (path: string) => Promise<void>][] = [
  ["is overwritten in place", (path) => writeFile(path, Buffer.alloc(large, "new"))],
  ["shrinks", (path) => truncate(path, 1000)],
  ["grows", (path) => writeFile(path, "more", { flag: "a" })],
];

for (const [what, change] of changes) {
  test(`a file that ${what} while it is sent is no file to be stored`, async (t) => {
    const path = join(await folder(t), "file");
    await writeFile(path, Buffer.alloc(large, "old"));
    const { storage, stored } = meanwhile(() => change(path));
    const { url, event } = await libraryServer(t, storage);
    const result = await tidewire(["put", path, `${url}/file`, "--blksize", "1428"]);
    failsWith(result, 1, /^tidewire: \/.*\/file changed while it was read\.\nHint: Send a copy/);
    assert.throws(stored, /nothing was stored/);
    const ended = await event("ended");
    assert.match(ended.error?.message ?? "", /the file changed while it was read/);
  });
}

test("a file that gets another name while it is sent arrives as it was", async (t) => {
  const path = join(await folder(t), "file");
  const old = Buffer.alloc(large, "old");
  await writeFile(path, old);
  const { storage, stored } = meanwhile(() => rename(path, `${path}.1`));
  const { url } = await libraryServer(t, storage);
  const { status } = await tidewire(["put", path, `${url}/file`, "--blksize", "1428"]);
  assert.equal(status, 0);
  assert.ok(stored().equals(old));
});

/** The command with these as its standard input and output. */
async function redirected(
  args: readonly string[],
  { input, output }: { readonly input?: FileHandle; readonly output?: FileHandle },
): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: [input?.fd ?? "ignore", output?.fd ?? "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr?.on("data", (text) => {
    stderr += text;
  });
  const [status] = await once(child, "close");
  return { status, stderr };
}

test("a folder as standard input is refused, not stored as an empty file", async (t) => {
  const storage = memory({}, { uploads: "create" });
  const { url } = await libraryServer(t, storage);
  await using input = await open(await folder(t));
  const { status, stderr } = await redirected(["put", "-", `${url}/x`], { input });
  assert.match(stderr, /^tidewire: standard input is a folder\.\nHint: /);
  assert.deepEqual([status, storage.files.size], [1, 0]);
});

for (const [what, change] of changes) {
  test(`standard input that ${what} while it is sent is no file to be stored`, async (t) => {
    const path = join(await folder(t), "file");
    await writeFile(path, Buffer.alloc(large, "old"));
    const { storage, stored } = meanwhile(() => change(path));
    const { url } = await libraryServer(t, storage);
    await using input = await open(path);
    const args = ["put", "-", `${url}/file`, "--blksize", "1428"];
    const { status, stderr } = await redirected(args, { input });
    assert.match(
      stderr,
      /^tidewire: standard input changed while it was read\.\nHint: Send a copy/,
    );
    assert.equal(status, 1);
    assert.throws(stored, /nothing was stored/);
  });
}

test("a file as standard input is sent from where it is read, as it was", async (t) => {
  const path = join(await folder(t), "file");
  await writeFile(path, "firstrest");
  const storage = memory({}, { uploads: "create" });
  const { url } = await libraryServer(t, storage);
  await using input = await open(path);
  await input.read(Buffer.alloc(5));
  const { status } = await redirected(["put", "-", `${url}/rest`], { input });
  assert.equal(status, 0);
  assert.equal(Buffer.from(storage.files.get("rest")!).toString(), "rest");
});

/** A disk of this size made of a file; undefined where there is none to be had. */
async function disk(t: TestContext, bytes: number): Promise<string | undefined> {
  const file = join(await folder(t), "disk");
  await writeFile(file, Buffer.alloc(bytes, "disk"));
  const { status, stdout } = spawnSync("losetup", ["--find", "--show", file]);
  if (status !== 0) return undefined;
  const device = String(stdout).trim();
  t.after(() => spawnSync("losetup", ["--detach", device]));
  return device;
}

test("a disk as standard input or output is read and written", async (t) => {
  const device = await disk(t, 1_048_576);
  if (device === undefined) return t.skip("no disk can be made of a file here");
  const image = Buffer.alloc(600_000, "image");
  const storage = memory({ image }, { uploads: "create" });
  const { url } = await libraryServer(t, storage);
  await using input = await open(device);
  assert.deepEqual(await redirected(["put", "-", `${url}/copy`], { input }), {
    status: 0,
    stderr: "",
  });
  assert.ok(Buffer.alloc(1_048_576, "disk").equals(storage.files.get("copy")!));
  await using output = await open(device, "r+");
  const { status } = await redirected(["get", `${url}/image`, "-o", "-"], { output });
  assert.equal(status, 0);
  assert.ok((await readFile(device)).subarray(0, image.length).equals(image));
});
