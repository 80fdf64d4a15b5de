// One process takes the sockets of another one over, seen from outside.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { freePort } from "../net/free-port.ts";
import { folder, script } from "./command.ts";
import { handOver, start, started, trickle } from "./succession.ts";

const timeout = 40_000;
const isLinux = process.platform === "linux";
const linux = { timeout, skip: isLinux ? false : "needs Linux" };

test("no request of a steady stream is lost, and each is answered once", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const old = await start(t, [root, "--log", "json", "--metrics", "127.0.0.1:0"]);
  await old.printed(/Metrics on/);
  let asked = 0;
  let over = false;
  const ask = async (): Promise<void> => {
    asked += 1;
    // What nobody takes is not asked for again.
    assert.equal(
      await get(`${old.url}/a`, { retries: 0, timeoutMillis: 10_000 }).text(),
      "content",
    );
  };
  const stream = async (): Promise<void> => {
    while (!over) await ask();
  };
  const streams = Promise.all(Array.from({ length: 4 }, stream));
  const next = await handOver(old);
  assert.deepEqual(await old.ended, { status: 0, signal: null });
  const before = asked;
  while (asked < before + 50) await ask();
  over = true;
  await streams;
  await next.stop();
  const answered = old.output().match(/"outcome":"completed"/g)?.length;
  assert.ok(before > 0);
  assert.equal(answered, asked);
  assert.doesNotMatch(old.output(), /"event":"(?:stray|problem|refused|ignored)"/);
});

test(
  "a transfer that runs ends whole in the old process, the next one serves",
  linux,
  async (t) => {
    const root = await folder(t);
    await writeFile(join(root, "a"), "content");
    const old = await start(t, [root, "--uploads", "create", "--verbose"]);
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const upload = put(`${old.url}/late.txt`, trickle(gate));
    await old.printed(/late\.txt started/);
    const next = await handOver(old, /1 transfer ends here/);
    assert.equal(await get(`${old.url}/a`).text(), "content");
    assert.equal(old.child.exitCode, null);
    open();
    await upload;
    assert.equal(readFileSync(join(root, "late.txt"), "utf8"), "first last");
    assert.deepEqual(await old.ended, { status: 0, signal: null });
    assert.equal(await get(`${old.url}/a`).text(), "content");
    const third = await handOver(old, / here\./, next.pid);
    assert.equal(await get(`${old.url}/a`).text(), "content");
    assert.equal(third.sockets(), 1);
    await third.stop();
  },
);

test("a next process that cannot start changes nothing", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const file = join(root, "tidewire.toml");
  const write = async (text: string): Promise<void> => {
    await writeFile(`${file}.new`, `dir = ${JSON.stringify(root)}\n${text}`);
    await rename(`${file}.new`, file);
  };
  await write("");
  const old = await start(t, ["--config", file]);
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const { port } = taken.address() as { readonly port: number };
  const cases = [
    [
      "port = ",
      /tidewire: .*\n.*\n.*nothing is handed over, the next process ended with status 2;/,
    ],
    // It fails last of all, when it has the sockets already.
    [
      `metrics = "127.0.0.1:${port}"`,
      /HTTP cannot listen[\s\S]*the next process ended with status 1;/,
    ],
  ] as const;
  for (const [text, said] of cases) {
    await write(text);
    old.child.kill("SIGUSR2");
    await old.printed(said);
    for (let times = 0; times < 20; times += 1) {
      assert.equal(
        await get(`${old.url}/a`, { retries: 0, timeoutMillis: 10_000 }).text(),
        "content",
      );
    }
  }
  await write("");
  const next = await handOver(old);
  assert.deepEqual(await old.ended, { status: 0, signal: null });
  await next.stop();
});

test("who has taken over reads a changed configuration, as the first one did", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(root)}\n`);
  const old = await start(t, ["--config", file]);
  const next = await handOver(old);
  assert.deepEqual(await old.ended, { status: 0, signal: null });
  for (const times of [1, 2]) {
    process.kill(next.pid, "SIGHUP");
    await old.printed(new RegExp(`(?:Read \\S+ again[^]*){${times}}`));
    assert.equal(await get(`${old.url}/a`).text(), "content");
  }
  await next.stop();
  assert.doesNotMatch(old.output(), /went wrong/);
});

test("the page keeps its port", linux, async (t) => {
  const root = await folder(t);
  const old = await start(t, [root, "--web", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
  const page = (await old.printed(/Watch it on (\S+)/))[1] as string;
  const metrics = (await old.printed(/Metrics on (\S+)/))[1] as string;
  let over = false;
  const ask = async (): Promise<void> => {
    // Between two questions a connection may be closed under the second one; none is refused.
    const answer = await fetch(new URL("/healthz", page)).catch((thrown: Error) => {
      assert.match(String(thrown.cause), /ECONNRESET|other side closed/);
    });
    if (answer) assert.equal(answer.status, 200);
  };
  const asking = (async () => {
    while (!over) await ask();
  })();
  const next = await handOver(old);
  assert.deepEqual(await old.ended, { status: 0, signal: null });
  assert.equal((await fetch(page)).status, 200);
  assert.match(await (await fetch(metrics)).text(), /^tidewire_/m);
  over = true;
  await asking;
  await next.stop();
});

const isRoot = process.getuid?.() === 0;
const asRoot =
  isLinux && isRoot && canRunAs(65_534) ? { timeout } : { skip: "needs root on Linux" };

test(
  "after root is given up the next process has the port and no more rights",
  asRoot,
  async (t) => {
    const root = await folder(t);
    await chmod(root, 0o755);
    await writeFile(join(root, "a"), "content");
    const port = await freeLowPort();
    const old = await start(t, [root, "--port", port, "--user", "65534:65534"]);
    const next = await handOver(old);
    assert.deepEqual(await old.ended, { status: 0, signal: null });
    assert.match(readFileSync(`/proc/${next.pid}/status`, "utf8"), /^Uid:(?:\t65534){4}$/m);
    assert.equal(await get(`tftp://127.0.0.1:${port}/a`).text(), "content");
    await next.stop();
  },
);

test("with a port of systemd's the next process listens there too", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const bound = [
    "import os, socket, sys",
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    `s.bind(("127.0.0.1", ${await freePort()}))`,
    "os.dup2(s.fileno(), 3)",
    "os.set_inheritable(3, True)",
    'os.environ["LISTEN_FDS"] = "1"',
    'os.environ["LISTEN_PID"] = str(os.getpid())',
    "os.execv(sys.argv[1], sys.argv[1:])",
  ].join("\n");
  const program = ["-c", bound, process.execPath, script, "serve", root, "--allow-root"];
  const old = await started(t, spawn("python3", program, { detached: true }));
  assert.equal(await get(`${old.url}/a`).text(), "content");
  const next = await handOver(old);
  assert.deepEqual(await old.ended, { status: 0, signal: null });
  assert.equal(await get(`${old.url}/a`).text(), "content");
  assert.equal(next.sockets(), 1);
  await next.stop();
});

function canRunAs(uid: number): boolean {
  const options = { uid, gid: uid, cwd: "/", stdio: "ignore" } as const;
  return spawnSync(process.execPath, [script, "--version"], options).status === 0;
}

async function freeLowPort(): Promise<string> {
  for (let port = 900; ; port += 1) {
    const socket = createSocket("udp4").bind(port, "127.0.0.1");
    const free = await once(socket, "listening").then(
      () => true,
      () => false,
    );
    socket.close();
    if (free) return String(port);
  }
}
