// `tidewire serve` as a process: what it serves, says, refuses and does at a signal.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { parseListen, startText } from "../../src/cli/served.ts";
import { graceMillis } from "../../src/cli/stopping.ts";
import { get, put } from "../../src/index.ts";
import { failsWith, folder, script, serving, tidewire } from "./command.ts";

test("it says what it serves, and one line a transfer says how it went", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a.txt"), "hello");
  const { url, output, printed } = await serving(t, [root]);
  assert.match(
    output(),
    /^Serving \/.*, read-only\.\nListening on UDP port \d+ of 127\.0\.0\.1\.\n$/,
  );
  assert.equal(await get(`${url}/a.txt`).text(), "hello");
  await assert.rejects(get(`${url}/nope.cfg`).bytes());
  await assert.rejects(put(`${url}/up.txt`, new Uint8Array(3)));
  await printed(/put up\.txt/);
  const lines = output().trimEnd().split("\n").slice(2);
  const facts =
    /get a\.txt 5 bytes in \S+ ms \(\S+ k?B?(bytes)?\/s, blksize \d+, windowsize \d+, 0 resent\)$/;
  assert.match(lines[0] as string, /^\d\d:\d\d:\d\d #1 127\.0\.0\.1 get a\.txt 5 bytes in /);
  assert.match(lines[0] as string, facts);
  assert.match(lines[1] as string, / 127\.0\.0\.1 get nope\.cfg refused: file not found$/);
  assert.match(
    lines[2] as string,
    / 127\.0\.0\.1 put up\.txt refused: uploads are not allowed here$/,
  );
  assert.equal(lines.length, 3);
});

test("--log json prints one object a line, the same keys for each transfer", async (t) => {
  const root = await folder(t);
  const args = [root, "--uploads", "create", "--log", "json", "--verbose"];
  const { url, output, printed } = await serving(t, args);
  await put(`${url}/up\n.bin`, new Uint8Array(1000)).catch(() => {});
  await put(`${url}/up.bin`, new Uint8Array(1000));
  await printed(/"outcome":"completed"/);
  const events = output()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    events.map(({ event }) => event),
    ["listening", "refused", "started", "ended"],
  );
  assert.equal(events[1].file, "up\n.bin");
  assert.equal(events[1].error.code, "FILE_NOT_FOUND");
  const keys =
    "level time event id client clientPort family op file mode bytes size millis " +
    "blksize windowsize resent duplicates sha256 outcome error cause advice";
  assert.equal(Object.keys(events[2]).join(" "), keys);
  assert.equal(Object.keys(events[3]).join(" "), keys);
  const { op, file, bytes, size, outcome, error } = events[3];
  assert.deepEqual(
    [op, file, bytes, size, outcome, error],
    ["put", "up.bin", 1000, 1000, "completed", null],
  );
});

test("the options of the command are the limits of the server", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, ".hidden"), "shown");
  const { url, printed } = await serving(t, [
    ...[root, "--dot-files", "--uploads", "overwrite", "--upload-bytes-max", "1K"],
    ...["--blksize-max", "600", "--windowsize-max", "3", "--timeout", "0.5", "--retries", "2"],
    ...["--transfers-max", "5", "--transfers-max-per-client", "5", "--rollover", "1"],
  ]);
  assert.equal(await get(`${url}/.hidden`).text(), "shown");
  await printed(/blksize 600, windowsize 3,/);
  await put(`${url}/full`, new Uint8Array(1024));
  await put(`${url}/full`, new Uint8Array(1023));
  assert.equal((await readFile(join(root, "full"))).length, 1023);
  await assert.rejects(put(`${url}/full`, new Uint8Array(1025)), { message: /1024 bytes/ });
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} ends an idle server at once, with status 0`, async (t) => {
    const { child, ended } = await serving(t, [await folder(t)]);
    child.kill(signal);
    assert.deepEqual(await ended, { status: 0, signal: null });
  });
}

test("a signal lets a running transfer finish", async (t) => {
  const root = await folder(t);
  const { child, url, printed, ended } = await serving(t, [
    root,
    "--uploads",
    "create",
    "--verbose",
  ]);
  const { gate, open } = gated();
  const upload = put(`${url}/late.txt`, trickle(gate));
  await printed(/late\.txt started/);
  child.kill("SIGTERM");
  await printed(/1 transfer may go on/);
  open();
  await upload;
  assert.deepEqual(await ended, { status: 0, signal: null });
  assert.equal(readFileSync(join(root, "late.txt"), "utf8"), "first last");
});

test("a second signal ends a running transfer with an ERROR and leaves no file", async (t) => {
  const root = await folder(t);
  const { child, url, printed, ended } = await serving(t, [
    root,
    "--uploads",
    "create",
    "--verbose",
  ]);
  const { gate, open } = gated();
  const upload = put(`${url}/never.txt`, trickle(gate));
  const refused = assert.rejects(upload, { origin: "remote", message: /shutting down/ });
  await printed(/never\.txt started/);
  child.kill("SIGINT");
  await printed(/1 transfer may go on/);
  child.kill("SIGINT");
  const late = setTimeout(graceMillis - 1000, "late", { ref: false });
  assert.notEqual(await Promise.race([ended, late]), "late");
  assert.deepEqual(await ended, { status: 0, signal: null });
  open();
  await refused;
  assert.throws(() => readFileSync(join(root, "never.txt")));
});

test("a folder to serve that is missing, or a file, is told with a hint", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "file"), "");
  const missing = await tidewire(["serve", join(root, "nope"), "--port", "0"]);
  failsWith(missing, 1, /the folder \S+nope does not exist\.\nHint: Create it/);
  const file = await tidewire(["serve", join(root, "file"), "--port", "0"]);
  failsWith(file, 1, /file is a file, not a folder\.\nHint: Name the folder/);
});

test("a port that is in use is named, with a hint", async (t) => {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const result = await tidewire(["serve", await folder(t), "--listen", `127.0.0.1:${port}`]);
  failsWith(
    result,
    1,
    new RegExp(`port ${port} is in use on 127\\.0\\.0\\.1\\.\nHint: Another TFTP server`),
  );
});

test("an address that this machine does not have is named, with a hint", async (t) => {
  const result = await tidewire(["serve", await folder(t), "--listen", "192.0.2.1:6969"]);
  failsWith(result, 1, /this machine has no address 192\.0\.2\.1/);
});

test("port 69 without the right to it is told with the ways to get it", async (t) => {
  const isRoot = process.getuid?.() === 0;
  const free = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  if (process.platform !== "linux" || Number(readFileSync(free, "utf8")) <= 69) {
    return t.skip("here everybody may use port 69");
  }
  const uid = isRoot ? 65_534 : undefined;
  if (uid !== undefined && !canRunAs(uid)) return t.skip("another user cannot read this checkout");
  const result = await tidewire(["serve", "/tmp", "--listen", "127.0.0.1"], {
    cwd: "/",
    ...(uid === undefined ? {} : { uid }),
  });
  failsWith(result, 1, /no permission to use port 69\.\nHint: Run as root, .*port above 1023/);
});

test("--listen takes both families, with and without a port", () => {
  const cases: readonly (readonly [text: string, host: string, port: number])[] = [
    ["192.0.2.1", "192.0.2.1", 69],
    ["192.0.2.1:6969", "192.0.2.1", 6969],
    ["::1", "::1", 69],
    ["[::1]", "::1", 69],
    ["[::1]:6969", "::1", 6969],
    ["[fe80::1%eth0]:6969", "fe80::1%eth0", 6969],
  ];
  for (const [text, host, port] of cases) assert.deepEqual(parseListen(text, 69), { host, port });
  for (const text of ["", "[::1", "[192.0.2.1]", "192.0.2.1:", "192.0.2.1:65536", "*:69", "a.b"]) {
    assert.throws(() => parseListen(text, 69), { code: "INVALID_ARGUMENT" }, text);
  }
});

test("many addresses are cut short, different ports are named", () => {
  const many = Array.from({ length: 8 }, (_, at) => ({ host: `192.0.2.${at}`, port: 69 }));
  assert.match(
    startText("/x", "create", many),
    /create files\.\n.*port 69 of .*2\.5 and 2 more\.$/,
  );
  const two = [many[0]!, { host: "::1", port: 70 }];
  assert.match(startText("/x", "off", two), /on 192\.0\.2\.0 port 69, ::1 port 70\.$/);
});

function gated(): { readonly gate: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { gate, open };
}

async function* trickle(gate: Promise<unknown>): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("first ");
  await gate;
  yield new TextEncoder().encode("last");
}

function canRunAs(uid: number): boolean {
  try {
    const options = { uid, gid: uid, cwd: "/", stdio: "ignore" } as const;
    execFileSync(process.execPath, [script, "--version"], options);
    return true;
  } catch {
    return false;
  }
}
