// What stands in the way on this machine or the other: each is told in a sentence, with what to do.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants, existsSync, readFileSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { memory } from "../../src/index.ts";
import { failsWith, folder, libraryServer, mute, script, tidewire } from "./command.ts";

const here = ["--listen", "127.0.0.1", "--port", "0"];

for (const option of ["config", "manifest"] as const) {
  test(`a folder named as --${option} is told apart from a file`, async (t) => {
    const root = await folder(t);
    await mkdir(join(root, "etc"));
    const result = await tidewire(["serve", root, ...here, `--${option}`, join(root, "etc")]);
    failsWith(result, 1, /etc is a folder, not a file\.\nHint: Name the file itself/);
  });
}

for (const [option, name] of [
  ["--web", "page"],
  ["--metrics", "metrics"],
] as const) {
  test(`a port of the ${name} that is in use is told by its number`, async (t) => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    t.after(() => other.close());
    const { port } = other.address() as AddressInfo;
    const where = [option, `127.0.0.1:${port}`];
    const result = await tidewire(["serve", await folder(t), ...here, ...where]);
    failsWith(result, 1, new RegExp(`HTTP cannot listen on 127.0.0.1 port ${port} .*\\nHint: Ano`));
  });
}

const notLinux = process.platform !== "linux";

test("too low a limit on open files is told, and ends it", { skip: notLinux }, async (t) => {
  const limited = 'ulimit -n 40 && exec "$0" "$@"';
  // Newer Nodes start with fewer: then the sockets are too many.
  const many = Array.from({ length: 40 }, (_, at) => ["--listen", `127.0.0.${at + 1}`]);
  const args = [script, "serve", await folder(t), "--port", "0", ...many.flat()];
  const child = spawnSync("sh", ["-c", limited, process.execPath, ...args], { timeout: 30_000 });
  const [stdout, stderr] = [child.stdout, child.stderr.toString()];
  failsWith(
    { status: child.status, signal: child.signal, stdout, stderr },
    1,
    /too many open (files|sockets)\.\nHint: Raise/,
  );
});

test("a name too long for this machine needs another with -o", async (t) => {
  const { url } = await mute(t);
  const result = await tidewire(["get", `${url}/${"n".repeat(300)}`], { cwd: await folder(t) });
  failsWith(result, 1, /cannot write a file with a name of 300 characters\.\nHint: .* -o/);
});

test("a name too long for a request is told before anything is sent", async () => {
  const result = await tidewire(["put", "-", `tftp://127.0.0.1:9/${"n".repeat(70_000)}`]);
  failsWith(result, 2, /^tidewire: a name of 70000 bytes is too long for TFTP\.\nHint: .*shorter/);
});

test("what standard output cannot take is told by its name, with what helps", async (t) => {
  if (!existsSync("/dev/full")) return t.skip("this system has no /dev/full");
  const { url, event } = await libraryServer(t, memory({ x: Buffer.alloc(300_000) }));
  const cwd = await folder(t);
  const shell = async (text: string): Promise<void> => {
    const command = `"${process.execPath}" "${script}" get ${url}/x`;
    await promisify(execFile)("sh", ["-c", text.replace("GET", command)], { cwd });
  };
  await shell("GET -o - > /dev/full 2> full; test $? = 1");
  assert.match(
    readFileSync(join(cwd, "full"), "utf8"),
    /^tidewire: no room is left on the disk for standard output\.\nHint: Make room there/,
  );
  assert.equal((await event("ended")).error?.wireCode, 3);
  await shell("ulimit -f 100; GET -o large 2> said; test $? = 1");
  assert.match(
    readFileSync(join(cwd, "said"), "utf8"),
    /^tidewire: large would be larger than a file may be here\.\nHint: .*ulimit -f/,
  );
});

test("a result that cannot be written is a failure, unless its reader has left", async (t) => {
  if (!existsSync("/dev/full")) return t.skip("this system has no /dev/full");
  const { url } = await libraryServer(t, memory({ x: "1" }));
  const cwd = await folder(t);
  for (const args of [`get ${url}/x --json`, "completion bash", "--version", "get --help"]) {
    const command = `"${process.execPath}" "${script}" ${args}`;
    const result = await promisify(execFile)(
      "bash",
      ["-c", `${command} > /dev/full; echo $?; ${command} | true; echo \${PIPESTATUS[0]}`],
      { cwd },
    );
    assert.equal(result.stdout, "1\n0\n", args);
    assert.match(result.stderr, /^tidewire: the result cannot be .* \(ENOSPC\)\.\nHint: \S.*\.\n$/);
  }
});

test("a FIFO whose reader leaves is told by its name", async (t) => {
  if (process.platform === "win32") return t.skip("this system has no FIFOs");
  const cwd = await folder(t);
  execFileSync("mkfifo", [join(cwd, "pipe")]);
  const { url, event } = await libraryServer(t, memory({ x: Buffer.alloc(3_000_000) }));
  const reader = await open(join(cwd, "pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
  void event("started").then(() => reader.close());
  const result = await tidewire(["get", `${url}/x`, "-o", "pipe"], { cwd });
  failsWith(result, 1, /^tidewire: pipe was closed before the file was whole\.\nHint: The program/);
});

test("a file above --bytes-max is told with its name and the option", async (t) => {
  const { url } = await libraryServer(t, memory({ image: "content" }));
  const cwd = await folder(t);
  const result = await tidewire(["get", `${url}/image`, "--bytes-max", "3"], { cwd });
  failsWith(result, 1, /: image has more than 3 bytes\.\nHint: .*--bytes-max/);
});

test("a file that the server may not read has a hint at rules and permissions", async (t) => {
  const { url } = await libraryServer(t, memory());
  const result = await tidewire(["get", `${url}/../x`]);
  failsWith(result, 1, /\(ERROR 2\).*\nHint: Its rules or the file's permissions/);
});

test("a current folder that was removed is told", { skip: notLinux }, async (t) => {
  const cwd = await folder(t);
  const command = `rmdir "$0" && exec "$@"`;
  const serve = [process.execPath, script, "serve", ".", ...here];
  const run = promisify(execFile)("sh", ["-c", command, cwd, ...serve], { cwd });
  await assert.rejects(run, {
    code: 1,
    stderr: "tidewire: the current folder no longer exists.\nHint: Change to one that does.\n",
  });
});
