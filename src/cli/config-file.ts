// The configuration file of `tidewire serve`: TOML with the long options of the command line as its
// names. What a name takes is asked of the option table itself, so that nothing is said twice.

import { Command, type Option } from "commander";
import { parse, type TomlTable, type TomlValue } from "smol-toml";
import { mounts, TftpError } from "../index.ts";
import { addServeOptions, exclusive, type ServeFlags, settingName } from "./serve-options.ts";
import { parseListen } from "./served.ts";
import { checkWatchFlags } from "./watching.ts";

export interface MountFlags {
  /** The beginning of the names; `/` is every name. */
  readonly at: string;
  readonly dir: string;
  readonly clients?: string;
  /** Default: off. */
  readonly uploads?: "off" | "create" | "overwrite";
}

export interface Config {
  readonly dir?: string;
  readonly mounts: readonly MountFlags[];
  readonly flags: ServeFlags;
}

/** `path` is only for messages. Throws TftpError INVALID_ARGUMENT with file, line and remedy. */
export function parseConfig(text: string, path: string): Config {
  const flags: Record<string, unknown> = {};
  let dir: string | undefined;
  const found: MountFlags[] = [];
  requireUtf8(text, path);
  for (const [key, value] of Object.entries(parseToml(text, path))) {
    const where = { path, line: lineOf(text, key) };
    if (key === "dir") dir = textOf(key, value, where);
    else if (key === "mount") found.push(...mountsOf(value, text, path));
    else Object.assign(flags, optionOf(key, value, where));
  }
  refuseConflicts(flags, text, path);
  return { ...(dir === undefined ? {} : { dir }), mounts: found, flags };
}

/** What is not UTF-8 was read as this character, which nobody means. */
function requireUtf8(text: string, path: string): void {
  const at = text.indexOf("\ufffd");
  if (at < 0) return;
  const line = text.slice(0, at).split("\n").length;
  throw wrong({ path, line }, "this is not UTF-8", "Save the file as UTF-8 text.");
}

/** Each setting was read by itself, so commander has not seen which exclude each other. */
function refuseConflicts(flags: ServeFlags, text: string, path: string): void {
  for (const [one, other] of exclusive) {
    if (flags[one] === undefined || flags[other] === undefined) continue;
    const [name, second] = [settingName(one), settingName(other)];
    const where = { path, line: lineOf(text, second) };
    throw wrong(where, `${name} and ${second} exclude each other`, "Leave one of them out.");
  }
}

interface Where {
  readonly path: string;
  readonly line: number | undefined;
}

function parseToml(text: string, path: string): TomlTable {
  try {
    return parse(text);
  } catch (thrown) {
    const { line, message } = thrown as Error & { line?: number };
    const [first = ""] = message.replace(/^Invalid TOML document: /, "").split("\n", 1);
    throw wrong({ path, line }, first, "The file is TOML: name = value, text in double quotes.");
  }
}

/** What commander makes of `--key value`, under the name that it gives it. */
function optionOf(key: string, value: TomlValue, where: Where): object {
  const command = addServeOptions(new Command().exitOverride().configureOutput({ writeErr() {} }));
  const option = command.options.find(({ long }) => long === `--${key}`);
  if (!option || !isSetting(key)) {
    throw wrong(where, `there is no setting "${key}"`, hintFor(key, command.options));
  }
  const words = wordsOf(option, value, where);
  if (words === undefined) return {};
  try {
    command.parseOptions(words);
    const given = command.opts<ServeFlags>();
    for (const text of given.listen ?? []) parseListen(text, 0);
    checkWatchFlags(given);
  } catch (thrown) {
    const { message, hint } = thrown as TftpError;
    throw wrong(where, message.replace(`--${key} `, `${key} `), hint ?? "See serve --help.");
  }
  const result = command.opts();
  const isList = Array.isArray(result[option.attributeName()]);
  if (Array.isArray(value) && !isList) {
    throw wrong(where, `${key} takes one value`, "Give one value, not a list.");
  }
  return result;
}

/** Undefined: the option is not given. */
function wordsOf(option: Option, value: TomlValue, where: Where): string[] | undefined {
  const long = option.long as string;
  const key = long.slice(2);
  // To commander the brackets of <ADDR[:PORT]> mean both.
  const takesNothing = option.isBoolean() || (option.optional && !option.required);
  if (typeof value === "boolean" && takesNothing) return value ? [long] : undefined;
  if (option.isBoolean()) throw wrong(where, `${key} is true or false`, `Write ${key} = true.`);
  const values = Array.isArray(value) ? value : [value];
  if (values.length === 0) {
    throw wrong(where, `${key} is an empty list`, "Leave it out, or give it a value.");
  }
  const isPlain = (each: TomlValue): boolean => ["string", "number"].includes(typeof each);
  if (!values.every(isPlain)) {
    throw wrong(where, `${key} cannot have this value`, `It is written ${option.flags}.`);
  }
  const texts = values.map(String);
  if (texts.some((each) => each.includes("\0"))) throw withNul(key, where);
  return option.variadic ? [long, ...texts] : texts.map((text) => `${long}=${text}`);
}

function mountsOf(value: TomlValue, text: string, path: string): MountFlags[] {
  const list = Array.isArray(value) ? value : [];
  if (list.length === 0) {
    throw wrong({ path, line: lineOf(text, "mount") }, "mount is not a table", "Write [[mount]].");
  }
  const taken = new Set<string>();
  return list.map((each, at) => {
    const entry = each as TomlTable;
    const whole = { path, line: headerLine(text, at) ?? lineOf(text, "mount") };
    const given: Record<string, string> = {};
    for (const [key, content] of Object.entries(entry)) {
      const where = { path, line: lineOf(text, key, at) ?? whole.line };
      if (!["at", "dir", "clients", "uploads"].includes(key)) {
        throw wrong(where, `a mount has no "${key}"`, "It has at, dir, clients and uploads.");
      }
      if (key === "uploads") optionOf(key, content, where);
      given[key] = textOf(key, content, where);
    }
    const { at: prefix = "/", dir, ...rest } = given;
    if (dir === undefined) throw wrong(whole, "a mount has no dir", 'Add dir = "/srv/boot".');
    checkMount({ at: prefix, ...rest }, whole);
    const names = [...prefix.split(/[\\/]/).filter(Boolean), "", rest.clients].join("/");
    if (taken.has(names)) throw wrong(whole, "an earlier mount has the same names", takenHint);
    taken.add(names);
    return { at: prefix, dir, ...rest };
  });
}

const takenHint = "Leave one of them out: nobody would ever get to this one.";

function checkMount(mount: { readonly at: string; readonly clients?: string }, where: Where): void {
  try {
    mounts([{ ...mount, storage: nowhere }]);
  } catch (thrown) {
    const { message, hint = "" } = thrown as TftpError;
    throw wrong(where, message, hint);
  }
}

const nowhere = {
  openRead: () => Promise.reject(),
  openWrite: () => Promise.reject(),
};

function textOf(key: string, value: TomlValue, where: Where): string {
  if (typeof value === "string" && value.includes("\0")) throw withNul(key, where);
  if (typeof value === "string" && value !== "") return value;
  throw wrong(where, `${key} is not text`, `Write it in double quotes: ${key} = "...".`);
}

function withNul(key: string, where: Where): TftpError {
  return wrong(where, `${key} cannot hold a NUL`, "Take \\u0000 out of it.");
}

/** The parser gives no places. Where a name stands on a line of its own, this finds it; `mount`:
 * within which [[mount]]. */
function lineOf(text: string, key: string, mount = -1): number | undefined {
  let mounts = -1;
  let at = -1;
  for (const [index, line] of text.split("\n").entries()) {
    const name = nameIn(line);
    if (isHeader(line)) {
      mounts += 1;
      at = mounts;
    } else if (name !== "mount" && /^\s*\[/.test(line)) at = -1;
    if (name === key && (at === mount || key === "mount")) return index + 1;
  }
  return undefined;
}

/** The first name of a line, also of a dotted one. */
function nameIn(line: string): string | undefined {
  const names = /^\s*(?:\[+\s*)?(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+))\s*[=\].]/.exec(line);
  const [, escaped, literal, bare] = names ?? [];
  if (escaped === undefined) return literal ?? bare;
  try {
    return JSON.parse(`"${escaped}"`);
  } catch {
    return escaped;
  }
}

function headerLine(text: string, mount: number): number | undefined {
  const lines = [...text.split("\n").entries()].filter(([, line]) => isHeader(line));
  const index = lines[mount]?.[0];
  return index === undefined ? undefined : index + 1;
}

function isHeader(line: string): boolean {
  return /^\s*\[\[\s*mount\s*\]\]/.test(line);
}

function hintFor(key: string, options: readonly Option[]): string {
  const longs = options.map(({ long }) => (long as string).slice(2));
  const names = ["dir", "mount", ...longs.filter(isSetting)];
  const plain = key.replaceAll("_", "-").toLowerCase();
  const near = names.find((name) => name === plain || name.replaceAll("-", "") === plain);
  const longer = near ?? names.find((name) => name.startsWith(plain) || plain.startsWith(name));
  if (longer && plain) return `Did you mean ${longer}?`;
  return "The names are those of `tidewire serve --help`, and dir and [[mount]].";
}

/** A file names no other file. */
function isSetting(name: string): boolean {
  return name !== "config";
}

/** What stands in the file may be of any length. */
const messageMax = 300;

function wrong({ path, line }: Where, message: string, hint: string): TftpError {
  const where = line === undefined ? path : `${path} line ${line}`;
  const short = message.length > messageMax ? `${message.slice(0, messageMax)}…` : message;
  return new TftpError("INVALID_ARGUMENT", `${where}: ${short}`, { hint });
}
