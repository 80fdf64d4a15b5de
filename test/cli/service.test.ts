// As a service of systemd: what it is told through a real datagram socket, and the unit.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseConfig } from "../../src/cli/config-file.ts";
import { serviceNotice } from "../../src/cli/service-notice.ts";
import { freePort } from "../net/free-port.ts";
import { failsWith, folder, serving, tidewire } from "./command.ts";
import { times } from "./printed.ts";

const required = process.env.TIDEWIRE_PEERS === "required";
const koffi = process.platform === "linux" ? loadKoffi() : undefined;
const withKoffi = koffi || required ? {} : { skip: "koffi is not installed" };

test("systemd hears READY, RELOADING, the heartbeat and STOPPING", withKoffi, async (t) => {
  const root = await folder(t);
  const next = supervisor(t, join(root, "notify"));
  process.env.NOTIFY_SOCKET = join(root, "notify");
  process.env.WATCHDOG_USEC = "200000";
  t.after(() => {
    delete process.env.NOTIFY_SOCKET;
    delete process.env.WATCHDOG_USEC;
  });
  const file = join(root, "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(root)}\n`);
  const { child, printed, ended } = await serving(t, ["--config", file]);
  assert.equal(await next(), "READY=1");
  assert.equal(await next("READY=1"), "WATCHDOG=1");
  await writeFile(`${file}.new`, "port = ");
  await rename(`${file}.new`, file);
  child.kill("SIGHUP");
  assert.match(await next("WATCHDOG=1"), /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  assert.equal(await next("WATCHDOG=1"), "READY=1");
  await printed(/nothing is changed/);
  child.kill("SIGTERM");
  assert.equal(await next("WATCHDOG=1"), "STOPPING=1");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("of several workers systemd hears as of one, and all heed signals", withKoffi, async (t) => {
  const root = await folder(t);
  const next = supervisor(t, join(root, "notify"));
  process.env.NOTIFY_SOCKET = join(root, "notify");
  process.env.WATCHDOG_USEC = "4000000"; // few messages, for nobody reads meanwhile
  t.after(() => {
    delete process.env.NOTIFY_SOCKET;
    delete process.env.WATCHDOG_USEC;
  });
  const file = join(root, "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(root)}\n`);
  const args = ["--config", file, "--port", await freePort(), "--workers", "2"];
  const { child, printed, ended } = await serving(t, args);
  assert.equal(await next("WATCHDOG=1"), "READY=1");
  assert.equal(await next(), "WATCHDOG=1");
  child.kill("SIGUSR1");
  await printed(times(2, "No transfer runs"));
  child.kill("SIGHUP");
  assert.match(await next("WATCHDOG=1"), /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  assert.equal(await next("WATCHDOG=1"), "READY=1");
  await printed(times(2, "what runs ends as it began"));
  child.kill("SIGUSR2");
  await printed(/worker 2 is replaced/);
  child.kill("SIGTERM");
  assert.equal(await next("WATCHDOG=1"), "STOPPING=1", "a worker that leaves is not the end");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test(
  "systemd hears which process follows, and nothing more of the old one",
  withKoffi,
  async (t) => {
    const root = await folder(t);
    const next = supervisor(t, join(root, "notify"));
    process.env.NOTIFY_SOCKET = join(root, "notify");
    t.after(() => delete process.env.NOTIFY_SOCKET);
    let pid = 0;
    t.after(() => pid > 0 && isRunning(pid) && process.kill(pid, "SIGKILL"));
    const { child, printed, ended } = await serving(t, [root]);
    assert.equal(await next(), "READY=1");
    child.kill("SIGUSR2");
    pid = Number(/^MAINPID=(\d+)\nREADY=1$/.exec(await next())?.[1]);
    await printed(new RegExp(`Process ${pid} serves from now on`));
    const other = Number(/^MAINPID=(\d+)$/.exec(await next())?.[1]);
    assert.ok(other !== pid && isRunning(other), "systemd takes one that is gone for a mistake");
    assert.equal(await next(), `MAINPID=${pid}`, "by now it is a child of systemd");
    process.kill(pid, "SIGTERM");
    assert.equal(await next(), "STOPPING=1");
    assert.deepEqual(await ended, { status: 0, signal: null });
  },
);

test("what a command tells systemd arrives in its order", async (t) => {
  if (process.platform === "win32") return t.skip("needs /bin/sh");
  const root = await folder(t);
  const told = join(root, "told");
  const slow = `case "$1" in RELOADING*) sleep 0.2 ;; esac\necho "$1" >> '${told}'\n`;
  await writeFile(join(root, "systemd-notify"), `#!/bin/sh\n${slow}`, { mode: 0o755 });
  const { PATH } = process.env;
  t.after(() => Object.assign(process.env, { PATH }));
  process.env.PATH = `${root}:${PATH}`;
  const platform = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
  t.after(() => Object.defineProperty(process, "platform", platform));
  Object.defineProperty(process, "platform", { ...platform, value: "without koffi" });
  const notice = serviceNotice({ NOTIFY_SOCKET: join(root, "notify") });
  notice.reloading();
  await notice.ready();
  assert.equal(await readFile(told, "utf8"), "RELOADING=1\nREADY=1\n");
});

test("without a supervisor, or with one that is gone, the service goes on", () => {
  for (const environment of [{}, { NOTIFY_SOCKET: "/nowhere/notify" }]) {
    const notice = serviceNotice(environment);
    notice.ready();
    notice.reloading();
    notice.stopping();
  }
});

test("install-service prints the unit for this installation, and writes it once", async (t) => {
  const root = await folder(t);
  const args = ["install-service", "--config", "/etc/50% of it.toml"];
  const { stdout } = await tidewire(args);
  const unit = stdout.toString();
  assert.match(
    unit,
    /^ExecStart=\S*node\S* \S+\/bin\/tidewire\.js serve --config "\/etc\/50%% of/m,
  );
  const written = await tidewire([...args, "--write", root]);
  assert.match(
    written.stdout.toString(),
    /^Wrote \S+tidewire\.service\.\nFirst write \/etc\/50% of it\.toml.*\nNow: systemctl /,
  );
  assert.equal(await readFile(join(root, "tidewire.service"), "utf8"), unit);
  failsWith(await tidewire([...args, "--write", root]), 1, /is there already/);
});

test("install-service wants names where it is given some", async (t) => {
  const cwd = await folder(t);
  failsWith(await tidewire(["install-service", "--write", ""], { cwd }), 2, /--write cannot be ""/);
  failsWith(await tidewire(["install-service", "--config", ""]), 2, /--config cannot be ""/);
  assert.deepEqual(await readdir(cwd), []);
});

test("install-service asks for no configuration that is there", async (t) => {
  const root = await folder(t);
  const config = join(root, "tidewire.toml");
  await writeFile(config, "");
  const { stdout } = await tidewire(["install-service", "--config", config, "--write", root]);
  assert.match(stdout.toString(), /^Wrote \S+\nNow: systemctl /);
});

test("the service may write where the documents let it write", async () => {
  const text = (path: string): Promise<string> =>
    readFile(new URL(`../../../${path}`, import.meta.url), "utf8");
  const unit = await text("packaging/tidewire.service");
  const documents = (await text("README.md")) + (await text("docs/operations.md"));
  const paths = [...documents.matchAll(/\/var\/(lib|log)\/(tidewire)\b/g)];
  assert.deepEqual([...new Set(paths.map(([path]) => path))].sort(), [
    "/var/lib/tidewire",
    "/var/log/tidewire",
  ]);
  assert.match(unit, /^StateDirectory=tidewire$/m);
  assert.match(unit, /^LogsDirectory=tidewire$/m);
});

test("install-service --socket: systemd opens the port, the service has no right", async (t) => {
  const root = await folder(t);
  const sockets = ["--socket", "192.0.2.1", "--socket", "[2001:db8::1]:6969"];
  const { stdout } = await tidewire(["install-service", ...sockets]);
  const [, service = "", socket = ""] = stdout.toString().split(/^# tidewire\.\w+$\n/m);
  assert.match(socket, /^ListenDatagram=192\.0\.2\.1:69\nListenDatagram=\[2001:db8::1\]:6969\n/m);
  assert.match(service, /^Requires=tidewire\.socket\nAfter=tidewire\.socket$/m);
  assert.match(service, /^AmbientCapabilities=\nCapabilityBoundingSet=$/m);
  const written = await tidewire(["install-service", ...sockets, "--write", root]);
  assert.match(written.stdout.toString(), /enable --now tidewire\.socket tidewire\.service\n/);
  assert.equal(await readFile(join(root, "tidewire.socket"), "utf8"), socket);
  await rm(join(root, "tidewire.service"));
  const again = await tidewire(["install-service", ...sockets, "--write", root]);
  failsWith(again, 1, /tidewire\.socket is there already/);
  await assert.rejects(readFile(join(root, "tidewire.service")), { code: "ENOENT" });
  for (const wrong of ["localhost", "*:69", "0.0.0.0:99999"]) {
    failsWith(await tidewire(["install-service", "--socket", wrong]), 2, /--socket cannot be/);
  }
  const twice = ["--socket", "192.0.2.1", "--socket", "::ffff:192.0.2.1"];
  failsWith(await tidewire(["install-service", ...twice]), 2, /names 192\.0\.2\.1:69 twice/);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const verifier = spawnSync("systemd-analyze", ["--version"]).status === 0;
const withVerifier = verifier || required ? {} : { skip: "systemd-analyze is not installed" };

for (const [units, sockets] of [
  [["tidewire.service"], []],
  [
    ["tidewire.service", "tidewire.socket"],
    ["--socket", "192.0.2.1", "--socket", "[::1]:69"],
  ],
] as const) {
  const named = units.join(" and ");
  test(`systemd-analyze has nothing to say about ${named}`, withVerifier, async (t) => {
    const root = await folder(t);
    await tidewire(["install-service", "--write", root, ...sockets]);
    const args = ["verify", "--man=no", ...units.map((unit) => join(root, unit))];
    const { status, stdout, stderr } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
    const ours = (stdout + stderr).split("\n").filter((line) => /tidewire\.\w+/.test(line));
    assert.deepEqual([status, ours], [0, []]);
  });
}

interface Koffi {
  load(library: null): { func(declaration: string): Call };
}
type Call = ((...args: unknown[]) => number) & { readonly async: (...args: unknown[]) => void };

function loadKoffi(): Koffi | undefined {
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    return undefined;
  }
}

/** Binds a datagram socket at `path`, as systemd does. The result waits for the next message that
 * is not `skipped`. */
function supervisor(t: TestContext, path: string): (skipped?: string) => Promise<string> {
  assert.ok(koffi, "koffi is not installed");
  const c = koffi.load(null);
  const fd = c.func("int socket(int, int, int)")(1, 2, 0);
  const close = c.func("int close(int)");
  t.after(() => close(fd));
  const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(`${path}\0`)]);
  const bind = c.func("int bind(int, const void *, uint)");
  assert.equal(bind(fd, address, address.length), 0);
  // SO_RCVTIMEO: a message that never comes fails the test instead of keeping it.
  const patience = new BigInt64Array([20n, 0n]);
  c.func("int setsockopt(int, int, int, const void *, uint)")(fd, 1, 20, patience, 16);
  const recv = c.func("long recv(int, _Out_ void *, ulong, int)");
  return async (skipped) => {
    for (;;) {
      const buffer = Buffer.alloc(4096);
      const count = await new Promise<number>((resolve, reject) => {
        const done = (error: unknown, result: number): void =>
          error ? reject(error) : resolve(Number(result));
        recv.async(fd, buffer, buffer.length, 0, done);
      });
      assert.ok(count > 0, "no message came");
      const text = buffer.toString("utf8", 0, count);
      if (text !== skipped) return text;
    }
  };
}

test("the configuration in the Kubernetes manifest is one that the server takes", async () => {
  const path = new URL("../../../packaging/kubernetes.yaml", import.meta.url);
  const text = await readFile(path, "utf8");
  const [, block = ""] = /tidewire\.toml: \|\n((?: {4}.*\n)+)/.exec(text) ?? [];
  const { flags } = parseConfig(block, "kubernetes.yaml");
  assert.deepEqual([flags.port, flags.singlePort, flags.metrics], [6969, true, "0.0.0.0:9069"]);
});
