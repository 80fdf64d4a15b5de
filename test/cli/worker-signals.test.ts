// What reaches the first of several processes in a moment in which its workers cannot heed it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { get } from "../../src/index.ts";
import { freePort } from "../net/free-port.ts";
import { childrenOf } from "./children.ts";
import { folder, script } from "./command.ts";
import { type Printing, printing, times } from "./printed.ts";

const linux = { timeout: 60_000, skip: process.platform === "linux" ? false : "needs Linux" };

test(
  "signals while the workers start end none; what they ask for is done then",
  linux,
  async (t) => {
    const { child, url, printed, output, ended } = await starting(t);
    child.kill("SIGUSR1");
    child.kill("SIGHUP");
    await printed(/2 workers serve/);
    await printed(times(2, "Read \\S+ again"));
    assert.equal(await get(`${url}/a`, { retries: 20 }).text(), "content");
    child.kill("SIGTERM");
    assert.deepEqual(await ended, { status: 0, signal: null });
    assert.doesNotMatch(output(), /Debugger|cannot start/);
  },
);

test(
  "a worker that dies under a question of the first process ends nobody else",
  linux,
  async (t) => {
    const { child, printed, ended } = await starting(t);
    const pid = child.pid as number;
    const [, port = ""] = await printed(/Metrics on http:\S+:(\d+)/);
    await printed(/2 workers serve/);
    const asking = connect(Number(port), "127.0.0.1");
    t.after(() => asking.destroy());
    asking.write("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await once(asking, "data");
    const [worker] = childrenOf(pid) as [number];
    // It finds the question before it finds that the worker is gone.
    process.kill(pid, "SIGSTOP");
    while (stateOf(pid) !== "T");
    await new Promise((sent) =>
      asking.write("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", sent),
    );
    process.kill(worker, "SIGKILL");
    while (stateOf(worker) !== "Z");
    const answered = once(asking, "data");
    process.kill(pid, "SIGCONT");
    await printed(/worker \d has ended; worker 3 is to have its place/);
    await answered;
    child.kill("SIGTERM");
    assert.deepEqual(await ended, { status: 0, signal: null });
  },
);

/** As proc(5) names it: stopped, or ended and not yet asked for. */
function stateOf(pid: number): string | undefined {
  return /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
}

interface Starting extends Printing {
  readonly child: ReturnType<typeof spawn>;
  readonly url: string;
}

/** The workers are there, and do not serve yet. */
async function starting(t: TestContext): Promise<Starting> {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const port = await freePort();
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(root)}\nworkers = 2\nmetrics = "127.0.0.1:0"\n`);
  const args = ["serve", "--config", file, "--listen", "127.0.0.1", "--port", port];
  const child = spawn(process.execPath, [script, ...args]);
  const prints = printing(t, child);
  await prints.printed(/Metrics on/);
  return { child, url: `tftp://127.0.0.1:${port}`, ...prints };
}
