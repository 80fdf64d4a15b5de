#!/usr/bin/env node
// Runs the command line: bundled, as in the package, or compiled, as in a checkout; in one that is
// not built yet it says how to build it. CommonJS (see package.json here), because to begin with an
// ES module takes a tenth of what it takes to fetch a small file.

const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

const [compiled, bundled] = ["main.js", "main.cjs"].map((name) => {
  return join(__dirname, "../dist/src/cli", name);
});
const args = process.argv.slice(2);
if (existsSync(compiled)) {
  import(pathToFileURL(compiled).href).then(({ main }) => main(args));
} else if (existsSync(bundled)) {
  require(bundled).main(args);
} else {
  console.error("tidewire: not built yet; run `npm install && npm run build` in its folder first.");
  process.exitCode = 1;
}
