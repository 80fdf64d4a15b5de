// The tests that the documents cite by name, and the names that there are.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Row {
  readonly cells: readonly string[];
  /** What stands as code in its column `test`. */
  readonly names: readonly string[];
}

/** The rows of those tables of a document that have a column `test`. */
export function rowsOf(document: string): Row[] {
  let column = -1;
  return readFileSync(join(root, document), "utf8")
    .split("\n")
    .flatMap((line) => {
      if (!line.startsWith("|")) column = -1;
      if (!line.startsWith("|") || /^[\s:|-]+$/.test(line)) return [];
      const cells = line.split(/(?<!\\)\|/).slice(1, -1);
      const heading = cells.findIndex((cell) => cell.trim() === "test");
      if (heading >= 0) column = heading;
      if (heading >= 0 || column < 0) return [];
      const named = [...(cells[column] ?? "").matchAll(/(`+)(.+?)\1/g)];
      return [{ cells, names: named.map(([, , name = ""]) => name.replaceAll("\\|", "|")) }];
    });
}

/** Rows without a name, and names that no test has. */
export function faultsOf(rows: readonly Row[]): string[] {
  const known = testTexts();
  return rows.flatMap(({ cells, names }) =>
    names.length === 0 ? [cells.join("|")] : names.filter((name) => !known.has(name)),
  );
}

/** The texts that stand in quotes in tests: their names among them. */
function testTexts(): Set<string> {
  const literal = /"((?:\\.|[^"\\\n])*)"|'((?:\\.|[^'\\\n])*)'|`((?:\\.|[^`\\\n])*)`/g;
  const texts = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .flatMap((path) => [...readFileSync(join(root, "test", path), "utf8").matchAll(literal)])
    .map(([, double, single, back]) => double ?? single ?? back ?? "");
  return new Set(texts.flatMap((text) => [text, text.replace(/\\(.)/g, "$1")]));
}
