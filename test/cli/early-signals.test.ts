// Signals that come before a server is there.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { endEarlySignals, refuseEarlySignals } from "../../src/cli/early-signals.ts";
import { folder, script } from "./command.ts";
import { printing, times } from "./printed.ts";

test("a signal that comes too early ends nothing, and says that it is to be sent again", (t) => {
  // With the runner of Node 24 this process would write a report at each SIGUSR2.
  process.report.reportOnSignal = false;
  const { mock } = t.mock.method(console, "error", () => {});
  refuseEarlySignals();
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.emit(signal, signal);
  endEarlySignals();
  process.emit("SIGUSR2", "SIGUSR2");
  assert.deepEqual(
    mock.calls.map(({ arguments: [line] }) => line),
    [
      "SIGHUP came before this serves; send it again.",
      "SIGUSR1 came before this serves; send it again.",
      "SIGUSR2 came before this serves; send it again.",
    ],
  );
});

const linux = { timeout: 40_000, skip: process.platform === "linux" ? false : "needs Linux" };

test("while the configuration is read no signal ends the start", linux, async (t) => {
  const root = await folder(t);
  const file = join(root, "tidewire.toml");
  execFileSync("mkfifo", [file]);
  const args = ["serve", "--config", file, "--listen", "127.0.0.1", "--port", "0"];
  const child = spawn(process.execPath, [script, ...args]);
  const { printed, ended } = printing(t, child);
  const writer = await open(file, "w"); // somebody reads
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
    child.kill(signal);
    await printed(new RegExp(`${signal} came before this serves`));
  }
  await writer.writeFile(`dir = ${JSON.stringify(root)}\n`);
  await writer.close();
  await printed(/Serving/);
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

test("no signal ends the start before what serves is loaded, either", linux, async (t) => {
  const main = JSON.stringify(new URL("../../src/cli/main.js", import.meta.url));
  const code = `import { main } from ${main};
    main(["serve", ${JSON.stringify(await folder(t))}, "--listen", "127.0.0.1", "--port", "0"]);
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"]) process.kill(process.pid, signal);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code]);
  const { printed } = printing(t, child);
  await printed(times(3, "SIG\\w+ came before this serves"));
});
