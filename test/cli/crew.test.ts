// Workers that do not come to serve. They are processes of this test.

import assert from "node:assert/strict";
import cluster from "node:cluster";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Crew } from "../../src/cli/crew.ts";
import { folder } from "./command.ts";

test("a worker that hangs before it serves is ended and replaced", {
  timeout: 60_000,
}, async (t) => {
  const exec = join(await folder(t), "worker.cjs");
  await writeFile(
    exec,
    `if (require("node:cluster").worker.id === 1) for (;;);
    process.on("message", (word) => word === "stop" && process.exit());
    process.send("serving");`,
  );
  cluster.setupPrimary({ exec, args: [] });
  const told: string[] = [];
  const crew = new Crew((line) => void told.push(line), 3000);
  t.after(() => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
  });
  let ended: Promise<void> | undefined;
  await new Promise<void>((served) => {
    ended = crew.run(2, served);
  });
  const lines = told.filter((line) => line.startsWith("worker 1 ")).join("\n");
  assert.match(
    lines,
    /^worker 1 does not come to serve, and is ended\.\nworker 1 has ended; worker \d/,
  );
  crew.stop();
  await ended;
});
