// What the documents tell people to type: every command is understood, every option, setting,
// script and place in a page that they name is there.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import * as check from "../src/cli/check.ts";
import * as completion from "../src/cli/completion.ts";
import { parseConfig } from "../src/cli/config-file.ts";
import * as get from "../src/cli/get.ts";
import * as installService from "../src/cli/install-service.ts";
import * as put from "../src/cli/put.ts";
import * as serve from "../src/cli/serve.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const documents = [
  ...["README.md", "SECURITY.md", "CONTRIBUTING.md"],
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const commands = { serve, check, get, put, completion, "install-service": installService };

/** Of other programs, where they are compared with ours or run beside it. */
const foreign: ReadonlySet<string> = new Set([
  ...["--tftp-single-port", "--tftp-port-range", "--port-range", "--prevent-sas"], // servers
  ...["--address", "--network"], // in.tftpd, Docker
  ...["--permission", "--experimental-permission", "--allow-addons", "--allow-net"], // Node
  ...["--allow-fs-read", "--allow-fs-write", "--no-allocation-site-pretenuring"],
  "--runs", // scripts/simulate.mjs
]);

interface Typed {
  readonly where: string;
  /** As a shell would take it apart. */
  readonly words: readonly string[];
}

test("every command line of a document is one that tidewire understands", async () => {
  const typed = documents.flatMap(blocks).filter(({ words }) => words[0] === "tidewire");
  const faults: string[] = [];
  for (const { where, words } of typed) {
    const own = words.slice(1);
    const failure = await parse(own).then(() => undefined, String);
    if (failure) faults.push(`${where}: ${own.join(" ")}: ${failure}`);
  }
  assert.ok(typed.length >= 20, `only ${typed.length} command lines`);
  assert.deepEqual(faults, []);
});

test("every option that a document names is one of the command line", () => {
  const known = new Set(
    Object.keys(commands).flatMap((name) =>
      define(name as keyof typeof commands).options.map(({ long }) => long as string),
    ),
  );
  const spans = documents.flatMap((path) =>
    [...prose(path).matchAll(/`(--[a-z][a-z-]*)/g)].map(([, option = ""]) => ({ path, option })),
  );
  assert.ok(spans.length >= 40, `only ${spans.length} options`);
  const unknown = spans.filter(({ option }) => !known.has(option) && !foreign.has(option));
  assert.deepEqual(unknown, []);
});

test("every configuration of a document is one that the server takes", () => {
  const found = documents.flatMap((path) =>
    [...read(path).matchAll(/^```toml\n([\s\S]*?)^```/gm)].map(([, text = ""]) => ({ path, text })),
  );
  assert.ok(found.length >= 2, `only ${found.length} configurations`);
  for (const { path, text } of found) parseConfig(text, path);
});

test("every npm script that a document names is in package.json", () => {
  const { scripts } = JSON.parse(read("package.json"));
  const named = documents.flatMap((path) =>
    [...read(path).matchAll(/\bnpm (?:run (?:--silent )?)?([a-z:]+)/g)].map(
      ([, name = ""]) => name,
    ),
  );
  const own = new Set(["install", "ci", "link"]);
  assert.ok(named.length >= 15, `only ${named.length} scripts`);
  assert.deepEqual(
    named.filter((name) => !(name in scripts) && !own.has(name)),
    [],
  );
});

test("every script that a document names is there", () => {
  const named = documents.flatMap((path) =>
    [...read(path).matchAll(/\bnode ((?:scripts|examples|bin)\/[\w.-]+)/g)].map(
      ([, name = ""]) => name,
    ),
  );
  assert.ok(named.length >= 2, `only ${named.length} scripts`);
  assert.deepEqual(
    named.filter((name) => !existsSync(join(root, name))),
    [],
  );
});

test("every link to a place in a page leads to a heading", () => {
  const faults = documents.flatMap((path) =>
    [...read(path).matchAll(/\]\(([^)\s#]*)#([^)\s]+)\)/g)]
      .filter(([, file = ""]) => !/^[a-z]+:/.test(file))
      .filter(([, file = "", place = ""]) => {
        const target = file === "" ? path : join(dirname(path), file);
        const headings = read(target).match(/^#+ .*$/gm) ?? [];
        return !headings.map(anchor).includes(place);
      })
      .map(([link]) => `${path}: ${link}`),
  );
  assert.deepEqual(faults, []);
});

function define(name: keyof typeof commands): Command {
  const command = new Command(name).exitOverride().configureOutput({ writeErr() {} });
  commands[name].define(command);
  return command.action(() => {});
}

async function parse([name = "", ...args]: readonly string[]): Promise<void> {
  assert.ok(name in commands, `${name} is no command`);
  await define(name as keyof typeof commands).parseAsync(args, { from: "user" });
}

/** The lines of fenced and indented code. */
function blocks(path: string): Typed[] {
  const fenced = [...read(path).matchAll(/^```(?:sh|console)\n([\s\S]*?)^```/gm)];
  const indented = [...read(path).matchAll(/(?<=\n\n)(?: {4}.*\n)+/g)];
  const texts = [...fenced.map(([, text = ""]) => text), ...indented.map(([text]) => text)];
  return texts
    .flatMap((text) => text.replace(/\\\n\s*/g, "").split("\n"))
    .flatMap((line) => line.split(/ && | \| /))
    .map((line) => ({ where: path, words: wordsOf(line) }));
}

function wordsOf(line: string): string[] {
  const command = line.replace(/(?<=\s)[#>].*/, "").replace(/^\s*\$ (?:sudo )?/, "");
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

/** A document without its blocks of code. */
function prose(path: string): string {
  return read(path).replace(/^```[\s\S]*?^```/gm, "");
}

/** As the sites that show Markdown make it. */
function anchor(heading: string): string {
  return heading
    .replace(/^#+ /, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}
