// Puts the compiled command line together into a few files, for the package: to load a hundred
// modules takes longer than to fetch a small file. CommonJS, which Node loads faster. `tsc -b`
// undoes it: `main.js` goes before `main.cjs`. An argument names the folder of another copy of the
// package.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = resolve(process.argv[2] ?? fileURLToPath(new URL("..", import.meta.url)));
// What stands there is found by its way from here (own-files.ts), so the folder stays.
const folder = join(root, "dist/src/cli");

const packed = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { dependencies, optionalDependencies, peerDependencies } = packed;

const bundle = await rolldown({
  input: join(folder, "main.js"),
  platform: "node",
  external: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }),
  logLevel: "warn",
  // Whoever takes one thing from the entry does not load all the others.
  treeshake: { moduleSideEffects: (id) => id !== join(root, "dist/src/index.js") },
});
const { output } = await bundle.generate({
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name]-[hash].cjs",
});
await bundle.close();

rmSync(folder, { recursive: true });
for (const { fileName, code } of output) {
  const path = join(folder, fileName);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, code);
}
