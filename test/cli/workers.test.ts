// Several processes on one port.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { get, put } from "../../src/index.ts";
import { freePort } from "../net/free-port.ts";
import { childrenOf } from "./children.ts";
import { failsWith, folder, serving, tidewire } from "./command.ts";
import { times } from "./printed.ts";
import { gate, trickle } from "./succession.ts";

const timeout = 60_000;
const linux = { timeout, skip: process.platform === "linux" ? false : "needs Linux" };

test("workers share a port, and a killed one is started again", linux, async (t) => {
  const root = await mkdtemp(join(tmpdir(), "tidewire-"));
  t.after(() => rm(root, { recursive: true }));
  await writeFile(join(root, "a"), "content");
  const port = await freePort();
  const { child, printed, ended } = await serving(t, [root, "--port", port, "--workers", "2"]);
  await printed(/2 workers serve/);
  const url = `tftp://127.0.0.1:${port}/a`;
  const fetched = await Promise.all(Array.from({ length: 20 }, () => get(url).text()));
  assert.deepEqual(new Set(fetched), new Set(["content"]));
  const [worker] = childrenOf(child.pid);
  process.kill(worker as number, "SIGKILL");
  await printed(/worker \d has ended/);
  assert.equal(await get(url, { retries: 20 }).text(), "content");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("a worker that hangs is ended, and another one has its place", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const port = await freePort();
  process.env.WATCHDOG_USEC = "3000000";
  t.after(() => delete process.env.WATCHDOG_USEC);
  const { child, printed, ended } = await serving(t, [root, "--port", port, "--workers", "2"]);
  await printed(/2 workers serve/);
  const [first, hanging] = childrenOf(child.pid) as [number, number];
  process.kill(hanging, "SIGSTOP");
  await printed(
    /worker \d hangs, and is ended\.[\s\S]*worker \d has ended; worker 3 is to have its/,
  );
  const left = childrenOf(child.pid);
  assert.ok(left.includes(first));
  assert.ok(!left.includes(hanging));
  assert.equal(await get(`tftp://127.0.0.1:${port}/a`, { retries: 20 }).text(), "content");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("metrics are those of all workers, captures those of each", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const port = await freePort();
  const captures = join(root, "captures");
  const args = ["--port", port, "--workers", "2", "--metrics", "127.0.0.1:0"];
  const watched = [...args, "--capture", "all", captures, "--log", "json"];
  const { child, printed, output, ended: end } = await serving(t, [root, ...watched]);
  const [, base = ""] = await printed(/Metrics on (http:\S+)metrics/);
  await printed(/2 workers serve/);
  const url = `tftp://127.0.0.1:${port}/a`;
  await Promise.all(Array.from({ length: 20 }, () => get(url).text()));
  await printed(times(20, '"event":"ended"'));
  const text = await (await fetch(`${base}metrics`)).text();
  assert.match(text, /^tidewire_transfers_total\{op="get",outcome="completed",.*\} 20$/m);
  assert.match(text, /^tidewire_build_info\{.*\} 1$/m);
  assert.match(text, /^tidewire_sockets_open \d+$/m);
  assert.equal((await fetch(`${base}readyz`)).status, 200);
  child.kill("SIGTERM");
  assert.deepEqual(await end, { status: 0, signal: null });
  const files = await readdir(captures);
  assert.equal(files.filter((name) => name.endsWith(".pcapng")).length, 20);
  const lines = output()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  const ended = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "ended");
  const ids = ended.map(({ worker, id }) => `${worker}.${id}`);
  assert.equal(new Set(ids).size, 20);
  for (const id of ids)
    assert.ok(
      files.some((name) => name.includes(`_${id}_`)),
      id,
    );
});

test("workers are replaced one by one, what runs in the old ones ends whole", linux, async (t) => {
  const { root, port, write, args } = await configured(t);
  const { child, printed, output, ended } = await serving(t, args);
  const url = `tftp://127.0.0.1:${port}`;
  assert.equal(await get(`${url}/a`, { retries: 20 }).text(), "content");
  const { opened, open } = gate();
  const upload = put(`${url}/late.txt`, trickle(opened));
  await printed(/late\.txt started/);
  await printed(/2 workers serve/);
  // One that cannot start changes nothing.
  await write("port = ");
  child.kill("SIGUSR2");
  await printed(/worker 1 and those after it are not replaced/);
  await write("");
  const old = childrenOf(child.pid);
  assert.equal(old.length, 2);
  let over = false;
  const asking = (async () => {
    while (!over) assert.equal(await get(`${url}/a`).text(), "content");
  })();
  child.kill("SIGUSR2");
  await printed(/worker 2 is replaced/);
  open();
  await upload;
  over = true;
  await asking;
  assert.equal(await readFile(join(root, "late.txt"), "utf8"), "first last");
  while (childrenOf(child.pid).some((pid) => old.includes(pid))) await setImmediate();
  assert.equal(childrenOf(child.pid).length, 2);
  assert.equal(await get(`${url}/a`).text(), "content");
  assert.doesNotMatch(output(), /has ended/);
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("a worker that cannot start again is tried again, the others go on", linux, async (t) => {
  const { port, write, args } = await configured(t);
  const { child, printed } = await serving(t, args);
  const url = `tftp://127.0.0.1:${port}/a`;
  assert.equal(await get(url, { retries: 20 }).text(), "content");
  await printed(/2 workers serve/);
  const all = childrenOf(child.pid);
  assert.equal(all.length, 2);
  await write("port = ");
  process.kill(all[0] as number, "SIGKILL");
  await printed(/worker \d cannot start; the others go on/);
  assert.equal(await get(url, { retries: 20 }).text(), "content");
  await write("");
  while (childrenOf(child.pid).length < 2) await setImmediate();
  assert.equal(await get(url, { retries: 20 }).text(), "content");
});

interface Configured {
  readonly root: string;
  readonly port: string;
  /** More of the configuration. */
  readonly write: (text: string) => Promise<void>;
  readonly args: readonly string[];
}

/** Two workers with a configuration file. */
async function configured(t: TestContext): Promise<Configured> {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const port = await freePort();
  const file = join(root, "tidewire.toml");
  const write = async (text: string): Promise<void> => {
    await writeFile(`${file}.new`, `dir = ${JSON.stringify(root)}\nuploads = "create"\n${text}`);
    await rename(`${file}.new`, file);
  };
  await write("");
  const args = ["--config", file, "--port", port, "--workers", "2", "--verbose"];
  return { root, port, write, args };
}

test("a worker that leaves is not taken back when it reads the file again", linux, async (t) => {
  const { port, args } = await configured(t);
  const { child, printed, output, ended } = await serving(t, args);
  await printed(/2 workers serve/);
  const { opened, open } = gate();
  const upload = put(`tftp://127.0.0.1:${port}/late.txt`, trickle(opened), { retries: 20 });
  await printed(/late\.txt started/);
  child.kill("SIGUSR2");
  await printed(/worker 2 is replaced/);
  child.kill("SIGHUP");
  await printed(times(3, "what runs ends as it began"));
  child.kill("SIGUSR2");
  await printed(/worker 4 is replaced/);
  assert.equal(output().match(/is replaced by/g)?.length, 4, output());
  open();
  await upload;
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("an end that all are told at once lets transfers finish, too", linux, async (t) => {
  const { root, port, args } = await configured(t);
  const { child, printed, ended } = await serving(t, args);
  const { opened, open } = gate();
  const upload = put(`tftp://127.0.0.1:${port}/late.txt`, trickle(opened), { retries: 20 });
  await printed(/late\.txt started/);
  await printed(/2 workers serve/);
  // systemd tells each process of a service, and the first one tells the others.
  for (const pid of childrenOf(child.pid)) process.kill(pid, "SIGTERM");
  await printed(/Stopping: 1 transfer/);
  child.kill("SIGTERM");
  while (childrenOf(child.pid).length > 1) await setImmediate();
  open();
  await upload;
  assert.equal(await readFile(join(root, "late.txt"), "utf8"), "first last");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("with a single port a line says why workers are not replaced", linux, async (t) => {
  const root = await folder(t);
  const args = [root, "--port", await freePort(), "--workers", "2", "--single-port"];
  const { child, printed } = await serving(t, args);
  child.kill("SIGUSR2");
  await printed(/with --single-port the workers are not replaced, .* restart the service/);
});

test("where a worker cannot start, none does", linux, async (t) => {
  const taken = await freePort(t);
  const args = ["serve", tmpdir(), "--listen", `127.0.0.1:${taken}`, "--workers", "2"];
  const { status, stderr } = await tidewire(args);
  assert.equal(status, 1);
  assert.match(stderr, /port \d+ is in use/);
  assert.match(stderr, /the workers cannot start/);
});

test("what workers cannot share is refused", { timeout }, async () => {
  failsWith(await tidewire(["serve", "--workers", "2", "--port", "0"]), 2, /share a port/);
  failsWith(await tidewire(["serve", "--workers", "0"]), 2, /--workers/);
});
