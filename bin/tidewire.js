#!/usr/bin/env node
// Runs the compiled command line; in a checkout that is not built yet it says how to build it.

import { existsSync } from "node:fs";

const compiled = new URL("../dist/src/cli/main.js", import.meta.url);
if (existsSync(compiled)) {
  const { main } = await import(compiled.href);
  await main(process.argv.slice(2));
} else {
  console.error("tidewire: not built yet; run `npm install && npm run build` in its folder first.");
  process.exitCode = 1;
}
