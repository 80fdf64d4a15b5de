// `tidewire get` as a process: where the bytes go, and what is left when it fails.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { localName } from "../../src/cli/get.ts";
import { generated, memory, TftpError } from "../../src/index.ts";
import { failsWith, folder, libraryServer, mute, script, serving, tidewire } from "./command.ts";

const big = randomBytes(300_001);

test("a file arrives under the last part of its name, without a word", async (t) => {
  const root = await folder(t);
  await mkdir(join(root, "boot"));
  await writeFile(join(root, "boot", "image.bin"), big);
  const { url } = await serving(t, [root]);
  const cwd = await folder(t);
  const { status, stdout, stderr } = await tidewire(["get", `${url}/boot/image.bin`], { cwd });
  assert.deepEqual([status, stdout.length, stderr], [0, 0, ""]);
  assert.deepEqual(readFileSync(join(cwd, "image.bin")), big);
});

test("-o names a file, a folder or standard output", async (t) => {
  const { url } = await libraryServer(t, memory({ "a/x": big, y: "text" }));
  const cwd = await folder(t);
  await mkdir(join(cwd, "sub"));
  assert.equal((await tidewire(["get", `${url}/a/x`, "-o", "named"], { cwd })).status, 0);
  assert.equal((await tidewire(["get", `${url}/a/x`, `${url}/y`, "-o", "sub"], { cwd })).status, 0);
  const { stdout, stderr } = await tidewire(["get", `${url}/a/x`, "-o", "-"], { cwd });
  assert.deepEqual(stdout, big);
  assert.equal(stderr, "");
  assert.deepEqual(readFileSync(join(cwd, "named")), big);
  assert.deepEqual(readFileSync(join(cwd, "sub", "x")), big);
  assert.equal(readFileSync(join(cwd, "sub", "y"), "utf8"), "text");
  assert.deepEqual(readdirSync(cwd).sort(), ["named", "sub"]);
});

test("-o /dev/stdout writes into the file that the shell opened, where the shell is", async (t) => {
  if (!existsSync("/dev/stdout")) return t.skip("this system has no /dev/stdout");
  const { url } = await libraryServer(t, memory({ x: big }));
  const cwd = await folder(t);
  const expected = Buffer.concat([Buffer.from("first\n"), big, Buffer.from("last\n")]);
  for (const place of ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
    const command = `"${process.execPath}" "${script}" get ${url}/x -o ${place}`;
    for (const shell of [
      `(echo first; ${command}; echo last) > out`,
      `echo first > out; ${command} >> out; echo last >> out`,
    ]) {
      await promisify(execFile)("sh", ["-c", shell], { cwd });
      assert.ok(readFileSync(join(cwd, "out")).equals(expected), shell);
    }
  }
  assert.deepEqual(readdirSync(cwd), ["out"]);
});

test("--sync waits for the disk, and for nothing else", async (t) => {
  const { url } = await libraryServer(t, memory({ x: big }));
  const cwd = await folder(t);
  const { status, stderr } = await tidewire(["get", `${url}/x`, "--sync"], { cwd });
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(readFileSync(join(cwd, "x")), big);
});

test("the options of the command are asked of the server", async (t) => {
  const { url, event } = await libraryServer(t, memory({ x: "a\nb" }));
  const flags = ["--blksize", "700", "--windowsize", "3", "--timeout", "2", "--retries", "1"];
  const args = ["get", `${url}/x`, "-o", "-", ...flags, "--mode", "netascii", "--verbose"];
  const { status, stdout, stderr } = await tidewire(args);
  assert.deepEqual([status, stdout.toString()], [0, "a\nb"]);
  const { transfer } = await event("started");
  assert.deepEqual([transfer.blksize, transfer.windowsize, transfer.mode], [700, 3, "netascii"]);
  assert.match(
    stderr,
    /^server 127\.0\.0\.1 port \d+, mode netascii\nblksize 700, windowsize 3\nround/,
  );
});

test("--no-options asks for nothing", async (t) => {
  const { url, event } = await libraryServer(t, memory({ x: "plain" }));
  await tidewire(["get", `${url}/x`, "-o", "-", "--no-options"]);
  assert.equal((await event("started")).transfer.options, false);
});

test("--json prints one object a file, and a failure among several is one of them", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "12345" }));
  const cwd = await folder(t);
  const urls = [`${url}/nope`, `${url}/x`];
  const { status, stdout, stderr } = await tidewire(["get", ...urls, "--json"], { cwd });
  const [failed, done, ...more] = stdout
    .toString()
    .trimEnd()
    .split("\n")
    .map((l) => JSON.parse(l));
  assert.deepEqual(more, []);
  assert.equal(status, 1);
  assert.deepEqual([failed.url, failed.file, failed.outcome], [urls[0], "nope", "failed"]);
  assert.deepEqual([failed.error.code, failed.error.wireCode], ["FILE_NOT_FOUND", 1]);
  assert.match(stderr, /file not found/);
  const keys =
    "op url file path server mode bytes size millis blksize windowsize " +
    "resent duplicates roundTripMillis outcome error";
  assert.equal(Object.keys(done).join(" "), keys);
  const { op, path, bytes, size, outcome, error } = done;
  assert.deepEqual([op, path, bytes, size, outcome, error], ["get", "x", 5, 5, "completed", null]);
  assert.deepEqual(readdirSync(cwd), ["x"]);
});

test("with -o - the JSON goes to standard error", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "12345" }));
  const done = await tidewire(["get", `${url}/x`, "-o", "-", "--json"]);
  assert.equal(done.stdout.toString(), "12345");
  assert.equal(JSON.parse(done.stderr).outcome, "completed");
  const failed = await tidewire(["get", `${url}/nope`, "-o", "-", "--json"]);
  assert.equal(JSON.parse(failed.stderr).error.code, "FILE_NOT_FOUND");
});

test("a get that fails half way keeps the old file and leaves nothing else", async (t) => {
  const storage = generated(async () =>
    (async function* () {
      yield randomBytes(200_000);
      throw new TftpError("STORAGE", "the tape is torn");
    })(),
  );
  const { url } = await libraryServer(t, storage);
  const cwd = await folder(t);
  await writeFile(join(cwd, "x"), "old");
  const result = await tidewire(["get", `${url}/x`], { cwd });
  failsWith(result, 1, /answered "the tape is torn" \(ERROR 0\) for x/);
  assert.equal(readFileSync(join(cwd, "x"), "utf8"), "old");
  assert.deepEqual(readdirSync(cwd), ["x"]);
});

test("Ctrl+C before the server answers leaves no file", async (t) => {
  const { url, asked } = await mute(t);
  const cwd = await folder(t);
  const result = await tidewire(["get", `${url}/x`], {
    cwd,
    onStart: (child) => void asked.then(() => child.kill("SIGINT")),
  });
  assert.match(
    result.stderr,
    /^tidewire: interrupted; nothing was saved as x\.\nHint: Run the com/,
  );
  assert.equal(result.status, 130);
  assert.deepEqual(readdirSync(cwd), []);
});

test("Ctrl+C in the middle tells the server, and leaves no file", async (t) => {
  let halfWay = (): void => {};
  const reached = new Promise<void>((resolve) => {
    halfWay = resolve;
  });
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const storage = generated(async () =>
    (async function* () {
      yield randomBytes(5_000_000);
      halfWay();
      await gate;
    })(),
  );
  const { url, event } = await libraryServer(t, storage);
  const cwd = await folder(t);
  const result = await tidewire(["get", `${url}/x`, `${url}/y`], {
    cwd,
    onStart: (child) => void reached.then(() => child.kill("SIGINT")),
  });
  assert.equal(result.status, 130);
  open();
  assert.equal((await event("ended")).ending, "aborted");
  assert.deepEqual(readdirSync(cwd), []);
});

test("a reader of standard output that leaves early ends the transfer", async (t) => {
  const endless = generated(async () =>
    (async function* () {
      for (;;) yield randomBytes(100_000);
    })(),
  );
  const { url, event } = await libraryServer(t, endless);
  const child = spawn(process.execPath, [script, "get", `${url}/x`, "-o", "-"]);
  child.stdout.once("data", () => child.stdout.destroy());
  const stderr: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const [status] = await once(child, "close");
  assert.match(String(Buffer.concat(stderr)), /^tidewire: standard output was closed before /);
  assert.equal(status, 1);
  assert.equal((await event("ended")).ending, "aborted");
});

test("each refusal of a server is told with its text, its code and what to do", async (t) => {
  const codes = ["ACCESS_VIOLATION", "DISK_FULL", "BUSY", "NO_SUCH_USER"] as const;
  const storage = generated(({ name }) => {
    throw new TftpError(name as (typeof codes)[number], `not\x1b[31m ${name}`);
  });
  const { url } = await libraryServer(t, storage);
  for (const code of codes) {
    const result = await tidewire(["get", `${url}/${code}`, "-o", "-"]);
    const { wireCode } = new TftpError(code, "");
    failsWith(result, 1, new RegExp(`answered "not \\[31m ${code}" \\(ERROR ${wireCode}\\) for `));
  }
});

test("a get from a silent or unknown host fails with a hint", async (t) => {
  const { url } = await mute(t);
  const patience = ["--timeout", "0.05", "--retries", "1"];
  const silence = await tidewire(["get", `${url}/x`, "-o", "-", ...patience]);
  failsWith(silence, 1, /127\.0\.0\.1:\d+: no answer\.\nHint: Check that a TFTP server listens/);
  const unknown = await tidewire(["get", "tftp://no-such-host.invalid/x", "-o", "-"]);
  failsWith(unknown, 1, /unknown host "no-such-host\.invalid"/);
});

test("a get into a place that cannot be written fails with a hint", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "1" }));
  const cwd = await folder(t);
  const missing = await tidewire(["get", `${url}/x`, "-o", "nope/"], { cwd });
  failsWith(
    missing,
    1,
    /cannot write nope\/x: its folder does not exist\.\nHint: Create the folder/,
  );
  await mkdir(join(cwd, "x"));
  const taken = await tidewire(["get", `${url}/x`], { cwd });
  failsWith(taken, 1, /cannot write x \(not a regular file\)/);
  if (!existsSync("/proc/version")) return;
  const denied = await tidewire(["get", `${url}/x`, "-o", "/proc/tidewire"], { cwd });
  failsWith(denied, 1, /cannot write|no permission to write/);
});

test("a get that fills the disk fails with a hint", async (t) => {
  if (!existsSync("/dev/full")) return t.skip("this system has no /dev/full");
  const { url } = await libraryServer(t, memory({ x: big }));
  const device = await tidewire(["get", `${url}/x`, "-o", "/dev/full"]);
  failsWith(device, 1, /no room is left on the disk for \/dev\/full\.\nHint: Make room/);
  const small = await folder(t);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small], { stdio: "ignore" });
  } catch {
    return; // not allowed here
  }
  try {
    const result = await tidewire(["get", `${url}/x`], { cwd: small });
    failsWith(result, 1, /no room is left on the disk for x/);
    assert.deepEqual(readdirSync(small), []);
  } finally {
    execFileSync("umount", [small]);
  }
});

test("what was left beside the target of a link is removed", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "1" }));
  const cwd = await folder(t);
  const part = join(cwd, "real", ".tidewire-0123456789abcdef.part");
  await mkdir(join(cwd, "real"));
  await writeFile(join(cwd, "real", "x"), "old");
  await writeFile(part, "half");
  await utimes(part, 0, 0);
  await symlink("real/x", join(cwd, "link"));
  assert.equal((await tidewire(["get", `${url}/x`, "-o", "link"], { cwd })).status, 0);
  assert.deepEqual(readdirSync(join(cwd, "real")), ["x"]);
  assert.equal(readFileSync(join(cwd, "link"), "utf8"), "1");
});

test("a name on the server never leads out of the folder here", async (t) => {
  const { url } = await libraryServer(t, memory({ x: "inside" }));
  const cwd = await folder(t);
  const names = ["a%2f..%2fx", "a%5c..%5cx", "%2fx", "a/../x"];
  for (const name of names) {
    const { status } = await tidewire(["get", `${url}/${name}`], { cwd });
    assert.equal(status, 0, name);
    assert.deepEqual(readdirSync(cwd), ["x"]);
  }
  assert.equal(localName("..\\..\\x"), "x");
  for (const name of ["..", ".", "a/..", "a\\", "a/", ".ssh", "a/.ssh"]) {
    assert.throws(() => localName(name), { code: "INVALID_ARGUMENT" }, name);
  }
  for (const name of ["c:x", "x:stream", "NUL", "com1.txt", "what?", "x.", "x "]) {
    assert.equal(localName(name, "linux"), name);
    assert.throws(() => localName(name, "win32"), { code: "INVALID_ARGUMENT" }, name);
  }
});
