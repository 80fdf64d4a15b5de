// docs/devices.md names the tests that play its cases: each of them exists, and each device that is
// played is named there.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const lines = readFileSync(join(root, "docs/devices.md"), "utf8").split("\n");

/** The cells of each row of a table that has a column `test`, and what that column holds. */
function rows(): { readonly cells: readonly string[]; readonly names: readonly string[] }[] {
  let column = -1;
  return lines.flatMap((line) => {
    if (!line.startsWith("|")) return [];
    const cells = line.split("|").slice(1, -1);
    if (cells.some((cell) => cell.trim() === "test")) {
      column = cells.findIndex((cell) => cell.trim() === "test");
      return [];
    }
    if (/^[\s:|-]+$/.test(line)) return [];
    const named = [...(cells[column] ?? "").matchAll(/(`+)(.+?)\1/g)];
    return [{ cells, names: named.map(([, , name = ""]) => name) }];
  });
}

/** What stands in quotes in the tests. */
function literals(folder: string): string[] {
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.startsWith(folder) && path.endsWith(".test.ts"))
    .flatMap((path) => {
      const text = readFileSync(join(root, "test", path), "utf8");
      const found = text.matchAll(/"((?:\\.|[^"\\\n])*)"|`((?:\\.|[^`\\\n])*)`/g);
      return [...found].map(([, double, back]) => double ?? back ?? "");
    });
}

test("every row of docs/devices.md names a test that exists", () => {
  const known = new Set(literals(""));
  const faults = rows().flatMap(({ cells, names }) =>
    names.length === 0 ? [cells.join("|")] : names.filter((name) => !known.has(name)),
  );
  assert.ok(rows().length >= 60, `only ${rows().length} rows`);
  assert.deepEqual(faults, []);
});

test("every device that is played stands in docs/devices.md", () => {
  const named = new Set(rows().flatMap(({ names }) => names));
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
  const wrong = rows()
    .filter(({ cells }) => cells.length === 8)
    .filter(({ cells }) => !cells.slice(4).every((cell) => results.has(cell.trim())));
  assert.deepEqual(wrong, []);
});
