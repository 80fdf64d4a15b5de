// Signals to a server that ends: what they asked of one that serves is over.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { folder, serving } from "./command.ts";
import { gate, trickle } from "./succession.ts";

const isLinux = process.platform === "linux";
const linux = { timeout: 40_000, skip: isLinux ? false : "needs Linux" };

test("a server that has closed finishes its hooks, whatever signal comes", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const own = await folder(t);
  const hook = join(own, "hook");
  const waits = `while [ ! -e ${own}/gate ]; do sleep 0.1; done; echo done > ${own}/result\n`;
  await writeFile(hook, `#!/bin/sh\n${waits}`, { mode: 0o755 });
  const file = join(own, "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(root)}\non-download = ${JSON.stringify(hook)}\n`);
  const args = ["--config", file, "--metrics", "127.0.0.1:0"];
  const { child, url, printed, ended } = await serving(t, args);
  const [, metrics = ""] = await printed(/Metrics on (\S+)/);
  await get(`${url}/a`).bytes();
  child.kill("SIGTERM");
  while (await isThere(metrics));
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) child.kill(signal);
  await printed(/This process ends; nothing is handed over\./);
  await writeFile(join(own, "gate"), "");
  assert.deepEqual(await ended, { status: 0, signal: null });
  assert.equal(await readFile(join(own, "result"), "utf8"), "done\n");
});

test("a server that lets its last transfer finish hands nothing over", linux, async (t) => {
  const root = await folder(t);
  const flags = [root, "--uploads", "create", "--verbose"];
  const { child, url, printed, output, ended } = await serving(t, flags);
  const { opened, open } = gate();
  const upload = put(`${url}/late.txt`, trickle(opened));
  await printed(/late\.txt started/);
  child.kill("SIGTERM");
  await printed(/1 transfer may go on/);
  child.kill("SIGUSR2");
  await printed(/This process ends; nothing is handed over\./);
  open();
  await upload;
  assert.deepEqual(await ended, { status: 0, signal: null });
  assert.doesNotMatch(output(), /problem/);
});

async function isThere(page: string): Promise<boolean> {
  return fetch(page).then(
    () => true,
    () => false,
  );
}
