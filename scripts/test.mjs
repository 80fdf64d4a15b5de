// Runs the compiled tests, the same way on every line of Node. Arguments are parts of file names:
// `npm run test:only -- core/sender` runs what matches. Says so when it found nothing to run.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

await import("./sweep.mjs");
process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const filters = process.argv.slice(2);
const files = testFiles().filter(
  (file) =>
    filters.length === 0 || filters.some((part) => file.replaceAll("\\", "/").includes(part)),
);
if (files.length === 0) {
  const what = filters.length === 0 ? "dist/test; run `npx tsc -b`" : `dist/test for ${filters}`;
  console.error(`No compiled test was found in ${what}.`);
  process.exit(1);
}

const runner = spawn(
  process.execPath,
  [
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${availableParallelism()}`,
    "--test-timeout=150000",
    ...files,
  ],
  { stdio: "inherit" },
);
// The terminal sends SIGINT to both processes; a SIGTERM reaches only this one.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => runner.kill("SIGTERM"));
const [status, signal] = await once(runner, "exit");
if (signal !== null) console.error(`The tests were ended by ${signal}.`);
process.exitCode = status ?? 1;

function testFiles() {
  const folder = join("dist", "test");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => join(folder, name))
    .sort();
}
