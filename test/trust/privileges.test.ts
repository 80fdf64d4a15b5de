// Root opens the port and is then given up for good; root that nobody asked for is refused.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock, type TestContext, test } from "node:test";
import { become, explainLostRight } from "../../src/cli/privileges.ts";
import { get, put, TftpError } from "../../src/index.ts";
import { openDescriptor } from "../../src/net/bound-descriptor.ts";
import { linuxLibc } from "../../src/net/libc.ts";
import { failsWith, folder, type Serving, script, serving, tidewire } from "../cli/command.ts";

const isRoot = process.getuid?.() === 0;
const asRoot = { skip: isRoot ? false : "only root can give root up" };
const nobody = 65_534;

async function openFolder(t: TestContext): Promise<string> {
  const root = await folder(t);
  await chmod(root, 0o777);
  await writeFile(join(root, "a"), "content");
  return root;
}

/** The fields of /proc/PID/status. */
async function statusOf({ child }: Serving): Promise<(field: string) => string> {
  const text = await readFile(`/proc/${child.pid}/status`, "latin1");
  return (field) =>
    new RegExp(`^${field}:\\s*(.*?)\\s*$`, "m").exec(text)?.[1]?.replace(/\s+/g, " ") ?? "";
}

test("root that nobody asked for is refused with a way out", asRoot, async (t) => {
  const result = await tidewire(["serve", await folder(t), "--port", "0"]);
  failsWith(result, 2, /would serve the network as root\.\nHint: Add --user NAME .*--allow-root/);
});

test("--user gives root up for good, and the server reads and writes", asRoot, async (t) => {
  const root = await openFolder(t);
  const args = [root, "--user", "nobody", "--uploads", "create"];
  const server = await serving(t, args);
  await server.printed(/Root is given up: this runs as nobody\./);
  const status = await statusOf(server);
  assert.equal(status("Uid"), `${nobody} ${nobody} ${nobody} ${nobody}`);
  assert.match(status("Gid"), /^(\d+) \1 \1 \1$/);
  assert.doesNotMatch(` ${status("Groups")} `, / 0 /);
  for (const set of ["CapPrm", "CapEff", "CapAmb"]) assert.equal(Number(`0x${status(set)}`), 0);
  assert.equal(await get(`${server.url}/a`).text(), "content");
  await put(`${server.url}/new`, Buffer.from("uploaded"));
  assert.equal((await stat(join(root, "new"))).uid, nobody);
  await mkdir(join(root, "private"), { mode: 0o700 });
  await writeFile(join(root, "private", "x"), "root's own");
  await assert.rejects(get(`${server.url}/private/x`).bytes(), { wireCode: 2 });
});

test("a group may be named, and numbers do", asRoot, async (t) => {
  const server = await serving(t, [await openFolder(t), "--user", "12345:23456"]);
  await server.printed(/Root is given up/);
  const status = await statusOf(server);
  assert.deepEqual(
    [status("Uid"), status("Gid"), status("Groups")],
    ["12345 12345 12345 12345", "23456 23456 23456 23456", "23456"],
  );
});

test("behind sudo the server becomes who ran it", asRoot, async (t) => {
  Object.assign(process.env, { SUDO_UID: "12345", SUDO_GID: "23456" });
  t.after(() => {
    delete process.env.SUDO_UID;
    delete process.env.SUDO_GID;
  });
  const server = await serving(t, [await openFolder(t)]);
  await server.printed(/Root is given up: this runs as 12345\./);
  assert.equal((await statusOf(server))("Uid"), "12345 12345 12345 12345");
});

test("--allow-root keeps root, as does a server for this machine alone", asRoot, async (t) => {
  const root = await openFolder(t);
  for (const args of [[root], [root, "--allow-root"]]) {
    const server = await serving(t, args);
    assert.equal((await statusOf(server))("Uid"), "0 0 0 0");
  }
});

test("a folder that the account cannot read ends it, with a hint", asRoot, async (t) => {
  const root = await folder(t);
  const where = ["--listen", "127.0.0.1", "--port", "0"];
  const result = await tidewire(["serve", root, ...where, "--user", "nobody"]);
  failsWith(result, 1, /the folder .* cannot be read \(EACCES\)\.\nHint: nobody must be able to/);
});

for (const [user, says] of [
  ["nobody-knows", /there is no account nobody-knows for --user\.\nHint: Check the spelling/],
  ["12345", /Give a group too/],
  ["nobody:nogroup-of-that-name", /there is no group nogroup-of-that-name for --user nobody/],
  ["root", /--allow-root/],
] as const) {
  test(`--user ${user} is refused`, asRoot, async (t) => {
    const result = await tidewire(["serve", await folder(t), "--port", "0", "--user", user]);
    failsWith(result, 2, says);
  });
}

test("a system that does not let go of root is found out", asRoot, (t) => {
  const calls = ["setuid", "setgid", "setgroups"] as const;
  const mocks = calls.map((call) =>
    mock.method(process as Required<NodeJS.Process>, call, () => {}),
  );
  t.after(() => {
    for (const each of mocks) each.mock.restore();
  });
  const account = { name: "somebody", uid: 12_345, gid: 23_456, known: false };
  assert.throws(() => become(account), { code: "ACCESS_VIOLATION", message: /give up root/ });
});

test("an address that cannot be listened on any more is told with the reason", () => {
  const account = { name: "nobody", uid: nobody, gid: nobody, known: true };
  const cause = Object.assign(new Error("bind"), { code: "EACCES", syscall: "bind" });
  const error = new TftpError("NETWORK", "no permission to use port 69", { cause });
  const told = explainLostRight({ kind: "problem", error }, account);
  assert.match(
    (told as { error: TftpError }).error.hint ?? "",
    /given up for nobody: start it again/,
  );
  const other = { kind: "problem", error: new TftpError("NETWORK", "no route") } as const;
  assert.equal(explainLostRight(other, account), other);
});

const onLinux = { skip: process.platform === "linux" ? false : "systemd is of Linux" };

for (const host of ["127.0.0.1", "::1"]) {
  test(`a socket on ${host} that was handed over is listened on`, onLinux, async (t) => {
    const root = await openFolder(t);
    const libc = linuxLibc();
    const fd = libc && openDescriptor(libc, { host, port: 0 });
    if (fd === undefined) return t.skip("koffi is not installed, so no descriptor can be had");
    t.after(() => closeSync(fd));
    // What systemd does: the descriptor is number 3, and the process is told that it is meant.
    const command = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"';
    const args = ["-c", command, process.execPath, script, "serve", root, "--allow-root"];
    const child = spawn("/bin/sh", args, { stdio: ["ignore", "pipe", "inherit", fd] });
    const ended = once(child, "close");
    t.after(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const [text] = await once(child.stdout as NodeJS.ReadableStream, "data");
    const port = new RegExp(`Listening on UDP port (\\d+) of ${host}\\.`).exec(String(text))?.[1];
    assert.ok(port, String(text));
    const authority = host === "::1" ? `[::1]:${port}` : `${host}:${port}`;
    assert.equal(await get(`tftp://${authority}/a`).text(), "content");
  });
}

/** What is printed where descriptor 3 is handed over and is no socket. */
async function handed(t: TestContext, flags: readonly string[], status: number): Promise<string> {
  const root = await openFolder(t);
  const command = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3</dev/null';
  const args = ["-c", command, process.execPath, script, "serve", root, "--allow-root", ...flags];
  const child = spawn("/bin/sh", args, { stdio: ["ignore", "ignore", "pipe"] });
  const [text] = await once(child.stderr, "data");
  assert.deepEqual(await once(child, "close"), [status, null]);
  return String(text);
}

test("what is handed over and is no UDP socket is told", onLinux, async (t) => {
  const text = await handed(t, [], 1);
  assert.match(text, /descriptor 3 is no bound UDP socket\.\nHint: .*ListenDatagram/);
});

test("several workers refuse what is handed over, instead of ignoring it", onLinux, async (t) => {
  const text = await handed(t, ["--workers", "2"], 2);
  assert.match(text, /workers cannot share the sockets of systemd .*\nHint: .*socket unit/);
});

test("a port beside what is handed over is refused, and named in the hint", onLinux, async (t) => {
  const text = await handed(t, ["--port", "6969"], 2);
  assert.match(text, /the sockets are handed over .*\nHint: Leave --listen and --port out/);
});
