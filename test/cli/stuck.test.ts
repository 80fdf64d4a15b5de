// `tidewire get` and `put` while a FIFO holds one of their threads: they end all the same.

import assert from "node:assert/strict";
import { type ChildProcess, execFileSync } from "node:child_process";
import { constants, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { constants as system } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { memory } from "../../src/index.ts";
import { failsWith, folder, libraryServer, type Result, tidewire } from "./command.ts";

const skip = process.platform === "win32" && "this system has no FIFOs";

/** A folder with a FIFO of this name. */
async function withFifo(t: TestContext, name: string): Promise<string> {
  const cwd = await folder(t);
  execFileSync("mkfifo", [join(cwd, name)]);
  return cwd;
}

/** Fetches x, and then into a FIFO that nobody reads; what is done when x is there. */
async function getIntoFifo(t: TestContext, then: (child: ChildProcess) => void) {
  const { url } = await libraryServer(t, memory({ x: "1", pipe: "2" }));
  const cwd = await withFifo(t, "pipe");
  const args = ["get", `${url}/x`, `${url}/pipe`, "--json"];
  const onStart = (child: ChildProcess): void => {
    child.stdout?.once("data", () => then(child));
  };
  const result = await tidewire(args, { cwd, onStart });
  assert.deepEqual(readdirSync(cwd).sort(), ["pipe", "x"]);
  return result;
}

/** Where koffi is not installed the signal itself ends it. */
function shellStatus({ status, signal }: Result): number | null {
  return signal ? 128 + system.signals[signal] : status;
}

test("a signal ends a get into a FIFO that nobody reads", { skip }, async (t) => {
  const result = await getIntoFifo(t, (child) => child.kill("SIGINT"));
  assert.match(result.stderr, /^tidewire: interrupted; nothing was saved as pipe\.\nHint: /);
  assert.equal(shellStatus(result), 130);
});

test("the second signal ends it at once", { skip }, async (t) => {
  const result = await getIntoFifo(t, (child) => {
    child.kill("SIGINT");
    child.kill("SIGTERM");
  });
  // Either may be heard first; after one alone it would say that it was interrupted.
  assert.ok([130, 143].includes(shellStatus(result) ?? 0));
  assert.equal(result.stderr, "");
});

test("--max-time ends a get into a FIFO that nobody reads", { skip }, async (t) => {
  const { url } = await libraryServer(t, memory({ x: "1" }));
  const cwd = await withFifo(t, "pipe");
  const result = await tidewire(["get", `${url}/x`, "-o", "pipe", "--max-time", "1"], { cwd });
  failsWith(result, 1, /^tidewire: not done after 1 s; nothing was saved as pipe\./);
});

test("a signal ends a put from a FIFO that nothing comes from", { skip }, async (t) => {
  const { url, event } = await libraryServer(t, memory({}, { uploads: "create" }));
  const cwd = await withFifo(t, "pipe");
  const writer = await open(join(cwd, "pipe"), constants.O_RDWR);
  t.after(() => writer.close());
  const result = await tidewire(["put", "pipe", `${url}/x`], {
    cwd,
    onStart: (child) => void event("started").then(() => child.kill("SIGTERM")),
  });
  assert.match(result.stderr, /^tidewire: interrupted; it is not whole\./);
  assert.equal(shellStatus(result), 143);
});

test("a refused put ends although its FIFO is still open", { skip }, async (t) => {
  const { url } = await libraryServer(t, memory());
  const cwd = await withFifo(t, "pipe");
  const writer = await open(join(cwd, "pipe"), constants.O_RDWR);
  t.after(() => writer.close());
  const result = await tidewire(["put", "pipe", `${url}/x`], { cwd });
  failsWith(result, 1, /\(ERROR 2\) for x\./);
});
