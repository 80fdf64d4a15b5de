// The form of the repository: sizes, names, links, and what the documents promise.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { faultsOf, rowsOf } from "./cited-tests.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const notOurs = new Set([".git", "node_modules", "dist", ".cache"]);
const paths = walk("");
const code = paths.filter((path) => /\.(?:ts|mjs|js)$/.test(path) && path !== "api.d.ts");
const sources = code.filter((path) => path.startsWith("src/"));
const documents = paths.filter((path) => path.endsWith(".md"));

test("the check has something to look at", () => {
  assert.ok(sources.length >= 25, `only ${sources.length} files in src`);
  assert.ok(code.length > sources.length && documents.length >= 4);
});

test("no file is longer than 300 lines, none of core longer than 200", () => {
  const isTooLong = (path: string): boolean =>
    lines(path).length > (path.startsWith("src/core/") ? 200 : 300);
  assert.deepEqual(code.filter(isTooLong), []);
});

test("no line of code is longer than 100 columns", () => {
  const long = code.flatMap((path) =>
    lines(path).flatMap((line, index) => ([...line].length > 100 ? `${path}:${index + 1}` : [])),
  );
  assert.deepEqual(long, []);
});

test("no file has a name that means nothing", () => {
  const empty = /^(?:utils?|helpers?|common|misc|types?)\.(?:ts|mjs|js)$/;
  // test/types.ts holds tests that are only compiled: there the name says what it is about.
  assert.deepEqual(
    code.filter((path) => empty.test(basename(path)) && path !== "test/types.ts"),
    [],
  );
});

test("only the root of src has an index", () => {
  const indexes = sources.filter((path) => basename(path) === "index.ts");
  assert.deepEqual(indexes, ["src/index.ts"]);
});

test("nothing is left for later", () => {
  const marker = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);
  assert.deepEqual(
    [...code, ...documents].filter((path) => marker.test(read(path))),
    [],
  );
});

test("every file of src begins with what it is for", () => {
  assert.deepEqual(
    sources.filter((path) => !/^(?:\/\/ |\/\*)/.test(read(path))),
    [],
  );
});

test("no file names a folder of the machine it was written on", () => {
  const folder = new RegExp(`(?<![\\w.])/(?:${["work", "home", "root"].join("|")})/\\w`);
  assert.deepEqual(
    paths.filter((path) => !read(path).includes("\0") && folder.test(read(path))),
    [],
  );
});

test("the changelog has Unreleased on top and one line for each change", () => {
  const [title, blank, newest, ...rest] = lines("CHANGELOG.md");
  assert.deepEqual([title, blank, newest], ["# Changelog", "", "## Unreleased"]);
  const form = /^(?:|- \S.*\.|## \d+\.\d+\.\d+ - \d{4}-\d\d-\d\d)$/;
  assert.deepEqual(
    rest.filter((line) => !form.test(line)),
    [],
  );
  assert.ok(rest.some((line) => line.startsWith("- ")));
});

for (const [document, least] of [
  ["docs/rfc.md", 20],
  ["docs/devices.md", 60],
  ["docs/networks.md", 20],
] as const) {
  test(`every row of ${document} names tests that exist`, () => {
    const rows = rowsOf(document);
    assert.ok(rows.length >= least, `${document} has only ${rows.length} rows`);
    assert.deepEqual(faultsOf(rows), []);
  });
}

test("every relative link in a document leads to a file", () => {
  const faults = documents.flatMap((path) =>
    [...withoutCode(read(path)).matchAll(/\]\(\s*<?([^)>\s#]+)[^)]*\)/g)]
      .map(([, link = ""]) => link)
      .filter((link) => !/^[a-z][a-z0-9+.-]*:/i.test(link))
      .filter((link) => !existsSync(join(root, dirname(path), decodeURI(link))))
      .map((link) => `${path}: ${link}`),
  );
  assert.deepEqual(faults, []);
});

test("the README begins with npm start and npm test", () => {
  const [, block = ""] = /^```[^\n]*\n([\s\S]*?)^```/m.exec(read("README.md")) ?? [];
  assert.match(block, /\bnpm start\b[\s\S]*\bnpm test\b/);
});

test("each dependency has its reason in CONTRIBUTING.md", () => {
  const {
    dependencies = {},
    devDependencies = {},
    optionalDependencies = {},
  } = JSON.parse(read("package.json"));
  const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
  assert.ok(names.length > 0);
  const reasons = lines("CONTRIBUTING.md").filter((line) => line.startsWith("|"));
  assert.deepEqual(
    names.filter((name) => !reasons.some((line) => line.split("|")[1]?.trim() === `\`${name}\``)),
    [],
  );
});

/** All files of the repository, committed or not, as paths from its root. */
function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (notOurs.has(entry.name) || entry.name.endsWith(".tgz")) return [];
    return entry.isDirectory() ? walk(path) : statSync(join(root, path)).isFile() ? [path] : [];
  });
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function lines(path: string): string[] {
  return read(path).replace(/\n$/, "").split("\n");
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}
