// A disk that is full, read-only or failing, and files that change while they are sent: the peer
// gets a clear ERROR, the log a clear line, no byte is lost, and the next request is served.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { prettyLine } from "../../src/cli/log.ts";
import { directory, get, overlay, put, type Storage, type TftpError } from "../../src/index.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { folder, libraryServer, script } from "../cli/command.ts";
import { type Printing, printing } from "../cli/printed.ts";

interface OwnDisk {
  readonly url: string;
  readonly printed: Printing["printed"];
  /** Runs a command where the server sees its disk. */
  readonly inside: (...command: string[]) => string;
}

/** Needs root and namespaces; where they must be there, their absence is a failure. */
function skipWithoutMounts(): string | false {
  const { status } = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
  if (status === 0 || process.env.TIDEWIRE_PEERS === "required") return false;
  return "nothing can be mounted here";
}

/** `tidewire serve` in a mount namespace of its own, with 256 KiB of disk; gone after the test. */
async function serveOnSmallDisk(t: TestContext): Promise<OwnDisk> {
  const root = await folder(t);
  const command = `mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"`;
  const serve = [process.execPath, script, "serve", root, "--uploads", "overwrite"];
  const where = ["--listen", "127.0.0.1:0"];
  const child = spawn("unshare", ["--mount", "sh", "-c", command, root, ...serve, ...where]);
  const { printed } = printing(t, child);
  const [, port] = await printed(/UDP port (\d+) /);
  const inside = (...words: string[]): string => {
    const run = spawnSync("nsenter", ["--mount", "--target", String(child.pid), ...words]);
    assert.equal(run.status, 0, String(run.stderr));
    return String(run.stdout);
  };
  return { url: `tftp://127.0.0.1:${port}`, printed, inside: (...w) => inside(...w, root) };
}

async function* unannounced(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= 10_000) yield Buffer.alloc(Math.min(left, 10_000), "x");
}

test("a full disk is ERROR 3, leaves the old file, and room again", async (t) => {
  const skip = skipWithoutMounts();
  if (skip) return t.skip(skip);
  const { url, printed, inside } = await serveOnSmallDisk(t);
  const old = Buffer.alloc(50_000, "old");
  await put(`${url}/config`, old);
  const full = {
    code: "DISK_FULL",
    origin: "remote",
    wireCode: 3,
    message: /"disk full"/,
  } as const;
  // Without a size the disk fills on the way; with one it is refused before the first block.
  await assert.rejects(put(`${url}/config`, unannounced(400_000)), full);
  await printed(/put config failed after .*: disk full \(ENOSPC\)/);
  await assert.rejects(put(`${url}/announced`, Buffer.alloc(400_000)), full);
  await printed(/put announced refused: disk full/);
  assert.deepEqual(inside("ls", "-A"), "config\n");
  await put(`${url}/next`, Buffer.alloc(150_000, "n"));
  assert.deepEqual(Buffer.from(await get(`${url}/config`).bytes()), old);
});

test("a disk that becomes read-only refuses uploads and serves on", async (t) => {
  const skip = skipWithoutMounts();
  if (skip) return t.skip(skip);
  const { url, printed, inside } = await serveOnSmallDisk(t);
  await put(`${url}/config`, Buffer.from("old"));
  inside("mount", "-o", "remount,ro");
  const readOnly = { origin: "remote", wireCode: 2, message: /"the file system is read-only"/ };
  await assert.rejects(put(`${url}/config`, Buffer.from("new")), readOnly);
  await printed(/put config refused: the file system is read-only \(EROFS\)/);
  assert.equal(await get(`${url}/config`).text(), "old");
  inside("mount", "-o", "remount,rw");
  await put(`${url}/config`, Buffer.from("new"));
  assert.equal(await get(`${url}/config`).text(), "new");
});

const large = 4_000_000;

/** What happens to the file after the first bytes of it have arrived, and what a client then gets:
 * the old file whole, or an error. Never anything between. */
const changes: readonly {
  readonly what: string;
  readonly change: (path: string) => Promise<void>;
  readonly says?: string;
}[] = [
  { what: "shrunk", change: (path) => truncate(path, 1000), says: "changed while it was read" },
  {
    what: "overwritten in place",
    change: (path) => writeFile(path, Buffer.alloc(large, "new")),
    says: "changed while it was read",
  },
  {
    what: "replaced",
    change: async (path) => {
      await writeFile(`${path}.new`, Buffer.alloc(large, "new"));
      await rename(`${path}.new`, path);
    },
  },
  { what: "deleted", change: (path) => rm(path) },
];

for (const { what, change, says } of changes) {
  test(`a file that is ${what} during a read arrives whole or not at all`, async (t) => {
    const root = await folder(t);
    const path = join(root, "file");
    const old = Buffer.alloc(large, "old");
    await writeFile(path, old);
    await writeFile(join(root, "next"), "next");
    const { url, event } = await libraryServer(t, directory(root));
    const chunks: Uint8Array[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of get(`${url}/file`, { windowsize: 1, blksize: 1428 })) {
        if (chunks.length === 0) await change(path);
        chunks.push(chunk);
      }
    };
    if (says === undefined) {
      await read();
      assert.ok(Buffer.concat(chunks).equals(old));
    } else {
      await assert.rejects(read(), { origin: "remote", message: new RegExp(says) });
      const line = prettyLine(await event("ended"), new Date());
      assert.match(line, /get file failed after .* of 4\.0 MB: the file changed while it was read/);
    }
    assert.equal(await get(`${url}/next`).text(), "next");
  });
}

function ioError(call: string): Error {
  const text = `EIO: i/o error, ${call} '/srv/private/disk'`;
  return Object.assign(new Error(text), { code: "EIO", syscall: call, path: "/srv/private/disk" });
}

/** Fails in each call in turn; the good storage behind it serves what it does not know. */
function failing(): Storage {
  const good = bytesSource(Buffer.alloc(5000));
  const sink = { writev: async () => {}, commit: async () => {}, discard: async () => {} };
  const fail = (call: string) => async (): Promise<never> => {
    throw ioError(call);
  };
  return {
    async openRead(name) {
      if (name === "open") throw ioError("open");
      return name === "read" ? { ...good, readv: fail("read") } : bytesSource(Buffer.from("ok"));
    },
    async openWrite(name) {
      if (name === "open") throw ioError("open");
      if (name === "write") return { ...sink, writev: fail("write") };
      return name === "commit" ? { ...sink, commit: fail("fsync") } : sink;
    },
  };
}

for (const [op, name] of ["get open", "get read", "put open", "put write", "put commit"].map(
  (line) => line.split(" ") as ["get" | "put", string],
)) {
  test(`an I/O error in the ${name} of a ${op} is an ERROR that tells no secrets`, async (t) => {
    const { url, event } = await libraryServer(t, overlay(failing()));
    const target = `${url}/${name}`;
    const run = op === "get" ? get(target).bytes() : put(target, Buffer.alloc(3000));
    await assert.rejects(run, (error: TftpError) => {
      assert.deepEqual([error.origin, error.wireCode], ["remote", 0]);
      assert.match(error.message, /cannot be read or written/);
      assert.doesNotMatch(error.message, /EIO|private/);
      return true;
    });
    const told = await event(name === "open" ? "refused" : "ended");
    assert.match(prettyLine(told, new Date()), /cannot be read or written \(EIO\)/);
    assert.equal(await get(`${url}/next`).text(), "ok");
    await put(`${url}/next`, Buffer.alloc(3000));
  });
}
