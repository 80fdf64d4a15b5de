// Configuration files that people, editors and accidents could leave: files of the corpus damaged
// by mutations, and settings thrown together. Each is a valid configuration, or is refused in one
// plain sentence that names the line, with a remedy.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/cli/config-file.ts";
import { effectOf, settingsFor } from "../../src/cli/settings.ts";
import { TftpError } from "../../src/core/errors.ts";
import { Random } from "../simulation/random.ts";

// From the compiled test, dist/test/fuzz/.
const configFolder = new URL("../../../test/fuzz/corpus/config/", import.meta.url);

export interface ConfigFile {
  readonly name: string;
  readonly bytes: Buffer;
}

export const configCorpus: readonly ConfigFile[] = readdirSync(configFolder)
  .filter((name) => name.endsWith(".toml"))
  .sort()
  .map((name) => ({ name, bytes: readFileSync(new URL(name, configFolder)) }));

/** Throws where a file is neither right nor plainly wrong. */
export async function hailConfig(options: {
  readonly seed: number;
  readonly files: number;
}): Promise<{ readonly right: number; readonly wrong: number }> {
  const random = new Random(options.seed);
  const folder = await mkdtemp(join(tmpdir(), "tidewire-config-"));
  const path = join(folder, "c.toml");
  let right = 0;
  try {
    for (let left = options.files; left > 0; left--) {
      const bytes = random.chance(0.3) ? drawn(random) : mutated(random);
      try {
        if ((await judge(bytes, path)) === "right") right += 1;
      } catch (cause) {
        throw new Error(`reading ${JSON.stringify(bytes.toString("latin1"))}`, { cause });
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return { right, wrong: options.files - right };
}

/** As `tidewire serve` and `tidewire check` read it. Throws where it is refused otherwise than
 * plainly. */
export async function judge(bytes: Buffer, path: string): Promise<"right" | "wrong"> {
  try {
    const { flags } = parseConfig(bytes.toString("utf8"), path);
    for (const [name, value] of Object.entries(flags)) {
      assert.ok(value !== undefined && !Number.isNaN(value), `${name} is ${value}`);
    }
  } catch (thrown) {
    requirePlain(thrown);
    requirePlace((thrown as Error).message, path, bytes);
    return "wrong";
  }
  await writeFile(path, bytes);
  const settings = await settingsFor(undefined, { config: path });
  try {
    await effectOf(settings);
  } catch (thrown) {
    requirePlain(thrown); // what it names is not there, or does not go with the rest
    return "wrong";
  }
  return "right";
}

const textMax = 500;

function requirePlain(thrown: unknown): void {
  if (!(thrown instanceof TftpError)) throw thrown;
  const { message, hint = "" } = thrown;
  assert.match(hint, /^[^\n]+$/, `what can be done about: ${message}`);
  assert.doesNotMatch(message, /\n\s+at |\[object |\bundefined\b/);
}

/** A line that the file has. */
function requirePlace(message: string, path: string, bytes: Buffer): void {
  const place = /^ line (\d+): ./.exec(message.slice(path.length));
  assert.ok(message.startsWith(path) && place, `names the line: ${message}`);
  const lines = bytes.toString("latin1").split("\n").length;
  assert.ok(Number(place[1]) >= 1 && Number(place[1]) <= lines, `of ${lines} lines: ${message}`);
  assert.ok(message.length <= path.length + textMax, `is ${message.length} characters long`);
}

const lineOfCorpus = configCorpus.flatMap(({ bytes }) => bytes.toString("latin1").split("\n"));
const keys = [
  ...new Set(lineOfCorpus.flatMap((line) => /^[\w-]+(?= *=)/.exec(line) ?? [])),
  '""',
  '"\\u0070ort"',
  "a.b",
  "'quoted'",
];
const values = [
  ...["0", "1", "-1", "69", "65536", "1e400", "-0.0", "0x7fffffff", "9007199254740993", "nan"],
  ...["true", "false", '""', '"x"', '"."', '"0"', '"1K"', '"10.0.0.0/8"', "''", '"\\u0000"'],
  ...["[]", "[[]]", '["", ""]', '["allow", 1, true]', "{}", '{ at = "a" }', "1979-05-27"],
  ...['"""\n"""', '"allow read *"', '["all", "captures"]', '"127.0.0.1:0"', '"[::1]:70000"'],
];

/** Settings thrown together, now and then in a mount. */
function drawn(random: Random): Buffer {
  const lines: string[] = [];
  for (let left = random.below(6); left >= 0; left--) {
    if (random.chance(0.1)) lines.push(random.pick(["[[mount]]", "[mount]", "[x]", "[[port]]"]));
    else lines.push(`${random.pick(keys)} = ${random.pick(values)}`);
  }
  return Buffer.from(lines.join(random.chance(0.1) ? "\r\n" : "\n"), "latin1");
}

type Mutation = (text: string, random: Random) => string;

const mutations: readonly Mutation[] = [
  // A character becomes another, disappears or is doubled.
  (text, random) => splice(text, random, 1, String.fromCharCode(random.below(256))),
  (text, random) => splice(text, random, 1, random.pick([..."=[]{}\"'.,#\n\\\0"])),
  (text, random) => splice(text, random, random.below(4), ""),
  (text, random) => text.slice(0, random.below(text.length + 1)),
  // Lines change their places, or come from another file.
  (text, random) => lined(text, (lines) => lines.splice(random.below(lines.length), 1)),
  (text, random) =>
    lined(text, (lines) => {
      lines.splice(random.below(lines.length), 0, random.pick(lineOfCorpus));
    }),
  (text, random) =>
    lined(text, (lines) => {
      lines.push(...lines.splice(random.below(lines.length), 1 + random.below(3)));
    }),
  // A setting has the value of another, or a value has the name of another.
  (text, random) => text.replace(/= .*/, () => `= ${random.pick(values)}`),
  (text, random) =>
    lined(text, (lines) => {
      const at = random.below(lines.length);
      lines[at] = (lines[at] as string).replace(/^[^=]+/, () => `${random.pick(keys)} `);
    }),
  (text, random) => splice(text, random, 0, "x".repeat(random.below(3000))),
];

function mutated(random: Random): Buffer {
  let text = random.pick(configCorpus).bytes.toString("latin1");
  for (let left = random.below(5); left > 0; left--) text = random.pick(mutations)(text, random);
  return Buffer.from(text, "latin1");
}

function splice(text: string, random: Random, count: number, piece: string): string {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + piece + text.slice(at + count);
}

function lined(text: string, change: (lines: string[]) => void): string {
  const lines = text.split("\n");
  change(lines);
  return lines.join("\n");
}
