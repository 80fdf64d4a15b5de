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
const client = {
  name: "client",
  test: await partsOfClient(),
  includeDependenciesRecursively: false,
};
const output = await generate({ groups: [client] });
await bundle.close();

async function generate(codeSplitting) {
  const names = { entryFileNames: "[name].cjs", chunkFileNames: "[name]-[hash].cjs" };
  return (await bundle.generate({ format: "cjs", ...names, codeSplitting })).output;
}

/** What get and put load: one file is read sooner than twelve. */
async function partsOfClient() {
  const chunks = await generate({});
  const wanted = chunks.filter(({ name }) => ["program", "get", "put"].includes(name));
  for (const { imports } of wanted) {
    for (const name of imports) {
      const chunk = chunks.find(({ fileName }) => fileName === name);
      if (chunk && !wanted.includes(chunk)) wanted.push(chunk);
    }
  }
  const modules = new Set(wanted.flatMap(({ moduleIds }) => moduleIds));
  return (id) => modules.has(id);
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
