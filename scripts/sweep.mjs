// Deletes compiled files whose source is gone, and bundled ones: `tsc -b` leaves them, and old
// tests must not run.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

for (const folder of ["src", "test"]) {
  const compiled = join("dist", folder);
  if (!existsSync(compiled)) continue;
  for (const name of readdirSync(compiled, { recursive: true })) {
    const source = name.replace(/\.(?:d\.ts|js)(?:\.map)?$/, ".ts");
    const gone = source !== name && !existsSync(join(folder, source));
    const bundled = /\.cjs$|\bLICENSE\.[^/]+$/.test(name);
    if (gone || bundled) rmSync(join(compiled, name));
  }
}
