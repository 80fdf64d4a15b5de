// Puts the compiled command line together into a few files, for the package: to load a hundred
// modules takes longer than to fetch a small file. CommonJS, which Node loads faster. `tsc -b`
// undoes it: `main.js` goes before `main.cjs`. An argument names the folder of another copy of the
// package.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
const licence = join(root, "node_modules/commander/LICENSE");
// What stands there is found by its way from here (own-files.ts), so the folder stays.
const folder = join(root, "dist/src/cli");

const packed = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { dependencies, optionalDependencies, peerDependencies } = packed;
// Commander comes along, since whoever fetches a file needs it; what is seldom needed stays apart.
const { commander: _, ...apart } = {
  ...dependencies,
  ...optionalDependencies,
  ...peerDependencies,
};

const bundle = await rolldown({
  input: join(folder, "main.js"),
  platform: "node",
  external: Object.keys(apart),
  logLevel: "warn",
  preserveEntrySignatures: "allow-extension", // as "client" below asks for
  // Whoever takes one thing from the entry does not load all the others.
  treeshake: { moduleSideEffects: (id) => id !== join(root, "dist/src/index.js") },
  plugins: [{ name: "no-child-processes", transform: withoutChildProcesses }],
});
const parts = await generate({});
// One file is read sooner than twelve. What both need is in the first.
const groups = [group("client", ["program", "get", "put"]), group("server", ["serve"])];
const output = await generate({ groups, includeDependenciesRecursively: false });
await bundle.close();

async function generate(codeSplitting) {
  const names = { entryFileNames: "[name].cjs", chunkFileNames: "[name]-[hash].cjs" };
  // What explains the code stands in the compiled modules beside it.
  const options = { format: "cjs", ...names, codeSplitting, comments: false };
  return (await bundle.generate(options)).output;
}

/** All that these commands load. */
function group(name, commands) {
  const wanted = parts.filter((part) => commands.includes(part.name));
  for (const { imports } of wanted) {
    for (const needed of parts.filter(({ fileName }) => imports.includes(fileName))) {
      if (!wanted.includes(needed)) wanted.push(needed);
    }
  }
  const modules = new Set(wanted.flatMap(({ moduleIds }) => moduleIds));
  return { name, test: (id) => modules.has(id), priority: name === "client" ? 1 : 0 };
}

/** Commander loads them for commands that are programs of their own, which we have none of. */
function withoutChildProcesses(code, id) {
  if (!id.endsWith("commander/lib/command.js")) return undefined;
  const line = "const childProcess = require('node:child_process');";
  if (!code.includes(line)) throw new Error(`commander has changed: ${line}`);
  return { code: code.replace(line, "const childProcess = undefined;") };
}

rmSync(folder, { recursive: true });
for (const { fileName, code } of output) {
  const path = join(folder, fileName);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, code);
}
copyFileSync(licence, join(folder, "LICENSE.commander"));
