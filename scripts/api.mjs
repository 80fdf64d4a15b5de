// Writes api.txt: the emitted declarations of the public entry and of every file they lead to.
// Committed, so that each change of the public API is a difference to review (test/api.test.ts).
// With --print it goes to standard output instead.

import { readFileSync, writeFileSync } from "node:fs";

const compiled = new URL("../dist/src/", import.meta.url);
const heading = `// biome-ignore-all lint: compiler output
// biome-ignore-all format: compiler output
// The public API, as the compiler emits it. Written by \`npm run api\`; not edited by hand.
`;

if (process.argv.includes("--print")) process.stdout.write(report());
else writeFileSync(new URL("../api.txt", import.meta.url), report());

function report() {
  const files = [...reachable("index.d.ts")];
  return [heading, ...files.map((path) => `// ${path}\n${declarations(path)}`)].join("\n");
}

/** The entry, then the files it leads to in the order they are named. */
function reachable(entry) {
  const found = new Set([entry]);
  for (const path of found) {
    for (const [, specifier] of declarations(path).matchAll(/["'](\.{1,2}\/[^"'\n]+)["']/g)) {
      const target = new URL(specifier, new URL(path, compiled)).href.slice(compiled.href.length);
      found.add(target.replace(/(?:\.d)?\.[jt]s$/, ".d.ts"));
    }
  }
  return found;
}

function declarations(path) {
  return readFileSync(new URL(path, compiled), "utf8");
}
