// Holds every import of src/ against the table of allowed directions. Fails when it saw nothing.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

/** What each layer may import beside itself: layers, single files, Node, packages. */
const table: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ports: ["core"],
  transfer: ["core", "ports"],
  client: ["core", "ports", "transfer"],
  server: ["core", "ports", "transfer"],
  storage: ["ports", "core/errors", "node:"],
  net: ["ports", "core/errors", "core/run", "node:"],
  observe: ["core", "ports", "server/events", "node:", "@opentelemetry/api"],
  "get-put": ["core", "ports", "client", "storage", "net", "observe"],
  index: ["get-put", "core", "ports", "client", "server", "storage", "net", "observe"],
  web: ["core/errors", "ports", "server/events", "observe", "node:"],
  page: ["web/messages"],
  cli: ["index", "observe", "web", "node:", "commander", "pino", "prom-client", "smol-toml"],
};

/** `ports.ts` is empty at run time, so the core's code stays out of its users; and a browser would
 * look for what the page imports of the server. */
const moreThanTypes: Readonly<Record<string, RegExp>> = {
  ports: /^\s*(?:import(?!\s+type\b)|export\b[^"';]*\bfrom\b)/m,
  page: /^\s*(?:import(?!\s+type\b)|export\b(?=[^"';]*\bfrom\b))[^"';]*["']\.\.\//m,
};

const outsideOfCore =
  /\b(?:Math\.random|Date|performance|set(?:Timeout|Interval|Immediate)|console|globalThis)\b/;

const sourceFolder = join(fileURLToPath(new URL("../../", import.meta.url)), "src");
const files = (readdirSync(sourceFolder, { recursive: true }) as string[])
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => name.endsWith(".ts"));

test("the layers that have files are the layers of the table", () => {
  assert.deepEqual([...new Set(files.map(layerOf))].sort(), Object.keys(table).sort());
});

test("every import of src follows the table", () => {
  const faults: string[] = [];
  let seen = 0;
  for (const file of files) {
    const text = readFileSync(join(sourceFolder, file), "utf8");
    faults.push(...faultsOf(file, text));
    seen += specifiersOf(text).length;
  }
  assert.deepEqual(faults, []);
  assert.ok(files.length >= 25, `only ${files.length} files were looked at`);
  assert.ok(seen >= files.length, `only ${seen} imports were looked at`);
});

test("an import against the direction is a fault", () => {
  const cases: readonly (readonly [file: string, text: string])[] = [
    ["core/sender.ts", 'import { readFile } from "node:fs";'],
    ["core/sender.ts", 'import type { Source } from "../ports.ts";'],
    ["core/sender.ts", 'export * from "../ports.ts";'],
    ["core/sender.ts", 'const clock = await import("../net/wall-clock.ts");'],
    ["core/sender.ts", "const now = Date.now();"],
    ["ports.ts", 'import { decode } from "./core/packet.ts";'],
    ["client/get.ts", 'import {\n  serve,\n} from "../server/server.ts";'],
    ["storage/memory.ts", 'import type { Packet } from "../core/packet.ts";'],
    ["net/node-udp.ts", 'import { Command } from "commander";'],
    ["cli/main.ts", 'import { decode } from "../core/packet.ts";'],
    ["cli/main.ts", 'import "../index.ts"; import "../net/node-udp.ts";'],
    ["index.ts", 'export { main } from "./cli/main.ts";'],
    ["net/node-udp.ts", "await import(name);"],
    ["net/node-udp.ts", 'require("node:dgram");'],
    ["net/node-udp.ts", 'import "../../bin/tidewire.js";'],
    ["page/feed.ts", 'import { type Tick } from "../web/messages.ts";'],
    ["page/feed.ts", 'import type { Live } from "../web/live.ts";'],
    ["stray.ts", ""],
  ];
  for (const [file, text] of cases) {
    assert.equal(faultsOf(file, text).length, 1, `${file}: ${text}`);
  }
});

test("an import along the direction, or named in a comment, is none", () => {
  const cases: readonly (readonly [file: string, text: string])[] = [
    ["core/sender.ts", 'import type { Packet } from "./packet.ts";'],
    ["core/sender.ts", '// import "node:fs" is not for core, and neither is Date\n'],
    ["core/sender.ts", '/** `import { get } from "tidewire"` */'],
    ["ports.ts", 'import type { Millis } from "./core/packet.ts";'],
    [
      "page/feed.ts",
      'import { panel } from "./dom.ts";\nimport type { A } from "../web/messages.ts";',
    ],
    ["storage/directory.ts", 'import { TftpError } from "../core/errors.ts";'],
    ["storage/directory.ts", 'import { open } from "node:fs/promises";'],
    ["cli/main.ts", 'import { Command } from "commander";\nimport { get } from "../index.ts";'],
  ];
  for (const [file, text] of cases) assert.deepEqual(faultsOf(file, text), []);
});

function faultsOf(file: string, text: string): string[] {
  const layer = layerOf(file);
  const allowed = table[layer];
  if (allowed === undefined) return [`${file} belongs to no layer`];
  const faults = specifiersOf(text)
    .filter((specifier) => !isAllowed(target(file, specifier), layer, allowed))
    .map((specifier) => `${file} imports ${specifier}`);
  const code = withoutComments(text);
  if (/\bimport\s*\((?!\s*["'])|\brequire\s*\(/.test(code)) {
    faults.push(`${file} imports something that cannot be classified`);
  }
  if (moreThanTypes[layer]?.test(code)) faults.push(`${file} imports more than types`);
  if (layer === "core" && outsideOfCore.test(withoutStrings(code))) {
    faults.push(`${file} uses ${outsideOfCore.exec(withoutStrings(code))?.[0]}`);
  }
  return faults;
}

/** `core/sender.ts` is of layer core, `index.ts` of layer index. */
function layerOf(file: string): string {
  return file.split("/")[0]?.replace(/\.ts$/, "") ?? "";
}

/** A path below src without its ending, or the name of a module of Node or of a package. */
function target(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  return posix.join(dirname(file), specifier).replace(/\.ts$/, "");
}

function isAllowed(path: string, layer: string, allowed: readonly string[]): boolean {
  return [layer, ...allowed].some((entry) =>
    entry.endsWith(":") ? path.startsWith(entry) : path === entry || path.startsWith(`${entry}/`),
  );
}

function specifiersOf(text: string): string[] {
  const forms = /\b(?:from|import)\s*(?:\(\s*)?(["'])(?<specifier>[^"'\n]*)\1/g;
  return [...withoutComments(text).matchAll(forms)].map((match) => match.groups?.specifier ?? "");
}

function withoutComments(text: string): string {
  return text.replace(new RegExp(`(${string.source})|//[^\\n]*|/\\*[\\s\\S]*?\\*/`, "g"), "$1");
}

function withoutStrings(code: string): string {
  return code.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""'); // `${Date.now()}` is code
}

const string = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;
