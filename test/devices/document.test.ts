// docs/devices.md names each device that is played, and holds a result for each server.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { rowsOf } from "../cited-tests.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const rows = rowsOf("docs/devices.md");

test("every device that is played stands in docs/devices.md", () => {
  const named = new Set(rows.flatMap(({ names }) => names));
  const played = readdirSync(join(root, "test/devices"))
    .filter((path) => path.endsWith(".test.ts"))
    .flatMap((path) => {
      const text = readFileSync(join(root, "test/devices", path), "utf8");
      const found = text.matchAll(/\bdevice\(\s*(?:"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\\n])*)`)/g);
      return [...found].map(([, double, back]) => double ?? back ?? "");
    });
  assert.ok(played.length >= 60, `only ${played.length} devices`);
  assert.deepEqual(
    played.filter((name) => !named.has(name)),
    [],
  );
});

test("the columns of other servers hold a result and nothing else", () => {
  const results = new Set(["yes", "no", "not run"]);
  const wrong = rows
    .filter(({ cells }) => cells.length === 8)
    .filter(({ cells }) => !cells.slice(4).every((cell) => results.has(cell.trim())));
  assert.deepEqual(wrong, []);
});
