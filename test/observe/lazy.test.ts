// What watches a server costs nothing until it is asked for: not even the time to load it. And the
// library needs nothing but Node, also where it loads things later.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const sources = join(fileURLToPath(new URL("../../../", import.meta.url)), "src");
const atOnce = /^(?:import(?! type\b)|\}) [^;]*?from "([^"]+)";/gm;
const everAtAll = /(?:\bfrom|\bimport|import\.meta\.url\))\s*\(?\s*"([\w@.:/-]+)"/g;

/** Files of ours and packages that loading this file loads. */
function reach(entry: string, imports: RegExp): { files: string[]; packages: string[] } {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    const text = readFileSync(join(sources, file), "utf8").replace(/^import type [^;]+;/gm, "");
    for (const [, name = ""] of text.matchAll(imports)) {
      if (name.startsWith(".")) files.add(relative(sources, join(sources, dirname(file), name)));
      else if (!name.startsWith("node:")) packages.add(name);
    }
  }
  const missing = [...files].filter((file) => !existsSync(join(sources, file)));
  assert.deepEqual(missing, []);
  return { files: [...files].sort(), packages: [...packages].sort() };
}

/** Without which no library works, and what the log needs. */
const observers: Readonly<Record<string, readonly string[]>> = {
  main: [],
  serve: ["observe/channels.ts", "observe/op.ts"],
  get: ["observe/channels.ts"],
  put: ["observe/channels.ts"],
};

for (const [command, needed] of Object.entries(observers)) {
  test(`tidewire ${command} loads no observer, no page and no package but the parser`, () => {
    const { files, packages } = reach(`cli/${command}.ts`, atOnce);
    assert.ok(command === "main" || files.length > 20, `only ${files.length} files were seen`);
    assert.deepEqual(
      files.filter((file) => /^(?:observe|web)\/(?!own-files)/.test(file)),
      needed,
    );
    assert.deepEqual(
      packages.filter((name) => name !== "commander"),
      [],
    );
  });
}

test("the library needs no package; what is installed beside it it may use", () => {
  const { files, packages } = reach("index.ts", everAtAll);
  assert.ok(files.includes("observe/tap.ts"), "what is loaded later is looked at as well");
  assert.deepEqual(packages, ["koffi"]);
});
