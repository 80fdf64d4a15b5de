// The public API changes only on purpose: api.txt is what the compiler emits.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

test("api.txt is the public API as it is compiled", () => {
  const compiled = new URL("dist/src/index.d.ts", root);
  assert.ok(existsSync(compiled), "dist/src/index.d.ts is missing. `npm run build` writes it.");
  const script = fileURLToPath(new URL("scripts/api.mjs", root));
  const emitted = execFileSync(process.execPath, [script, "--print"], { encoding: "utf8" });
  assert.match(emitted, /\bserve\b/);
  const accepted = new URL("api.txt", root);
  assert.ok(existsSync(accepted), "api.txt is missing. `npm run api` writes it.");
  if (readFileSync(accepted, "utf8") === emitted) return;
  const difference = firstDifference(readFileSync(accepted, "utf8"), emitted);
  assert.fail(`The public API changed. \`npm run api\` accepts it.\n${difference}`);
});

function firstDifference(accepted: string, emitted: string): string {
  const [before, after] = [accepted.split("\n"), emitted.split("\n")];
  const index = after.findIndex((line, at) => line !== before[at]);
  const at = index < 0 ? after.length : index;
  return `api.txt:${at + 1}\n  accepted: ${before[at] ?? ""}\n  compiled: ${after[at] ?? ""}`;
}
