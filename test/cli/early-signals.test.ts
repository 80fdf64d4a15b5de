// Signals that come before a server is there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { refuseEarlySignals } from "../../src/cli/early-signals.ts";

test("a signal that comes too early ends nothing, and says that it is to be sent again", () => {
  const told: string[] = [];
  const heeded = refuseEarlySignals((line) => void told.push(line));
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) process.emit(signal, signal);
  heeded();
  process.emit("SIGUSR2", "SIGUSR2");
  assert.deepEqual(told, [
    "SIGHUP came before this serves; send it again.",
    "SIGUSR1 came before this serves; send it again.",
    "SIGUSR2 came before this serves; send it again.",
  ]);
});
