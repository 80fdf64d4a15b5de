// What watches a server costs nothing until it is asked for: not even the time to load it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const sources = join(fileURLToPath(new URL("../../../", import.meta.url)), "src");

test("library and command load observe and web only when they are asked for", () => {
  const files = ["index.ts", ...readdirSync(join(sources, "cli")).map((name) => `cli/${name}`)];
  const loaded = files.flatMap((file) => {
    if (!file.endsWith(".ts")) return [];
    const text = readFileSync(join(sources, file), "utf8");
    const imports = text.matchAll(/^(?:import(?! type\b)|\}) [^;]*?from "([^"]+)";/gm);
    return (
      [...imports]
        // The version and the unit are asked for there, too; it loads nothing else.
        .filter(([, from = ""]) => /\/(?:observe|web)\/(?!own-files\.ts)/.test(from))
        .map(([, from = ""]) => `${file}: ${from}`)
    );
  });
  assert.deepEqual([...new Set(loaded)].sort(), [
    "cli/watch.ts: ../observe/capture-files.ts",
    "cli/watch.ts: ../observe/flight-recorder.ts",
    "cli/watch.ts: ../observe/metrics.ts",
    "cli/watch.ts: ../observe/observer.ts",
    "index.ts: ./observe/channels.ts",
  ]);
});
