// The options of every command as plain data, for what is made of them: shell completions and the
// man page. They come from the very objects that parse the command line.

import type { Command, Option } from "commander";
import { choicesOf } from "./options.ts";
import { programFor, withoutBrackets } from "./program.ts";

export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentRow[];
  readonly options: readonly OptionRow[];
  /** What its help says after the options. */
  readonly notes: string;
}

export interface ArgumentRow {
  readonly name: string;
  readonly description: string;
  readonly repeats: boolean;
  readonly value: Value;
}

export interface OptionRow {
  /** `-o`, where there is one. */
  readonly short: string | undefined;
  /** `--output` */
  readonly long: string;
  /** As the help writes it: `-o, --output PATH`. */
  readonly flags: string;
  readonly description: string;
  readonly repeats: boolean;
  /** Undefined: it takes none. */
  readonly value: Value | undefined;
}

/** What can stand there: these words, a file, a folder, or something that cannot be guessed. */
export interface Value {
  readonly name: string;
  readonly kind: "words" | "file" | "folder" | "other";
  readonly words: readonly string[];
  /** It may be left out. */
  readonly optional: boolean;
}

export async function commandTable(): Promise<readonly CommandRow[]> {
  const program = await programFor(() => true);
  return program.commands.map(rowOf);
}

function rowOf(command: Command): CommandRow {
  const help = command.createHelp();
  return {
    name: command.name(),
    summary: command.summary(),
    usage: command.usage(),
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: argument.description,
      repeats: argument.variadic,
      value: valueFor(argument.name(), !argument.required, argument.argChoices ?? []),
    })),
    options: help.visibleOptions(command).map(optionRow),
    notes: notesOf(command),
  };
}

function optionRow(option: Option): OptionRow {
  const { short, long = "", flags, description, required, optional } = option;
  const placeholder = /[<[](.+)[>\]]$/.exec(flags)?.[1] ?? "";
  const repeats = description.includes("repeat") || option.variadic;
  const takesValue = required || optional;
  // To commander the brackets of <ADDR[:PORT]> mean both.
  const isOptional = optional && !required;
  const value = takesValue ? valueFor(placeholder, isOptional, choicesOf(option)) : undefined;
  return { short, long, flags: withoutBrackets(flags), description, repeats, value };
}

function valueFor(name: string, optional: boolean, words: readonly string[]): Value {
  const placeholder = name.replace(/\.+$/, "");
  // Two words: the first of them is one of these, a folder follows.
  const known = placeholder === "WHICH DIR" ? ["failures", "all"] : words;
  const kind = known.length > 0 ? "words" : (kinds.get(placeholder) ?? "other");
  return { name, kind, words: known, optional };
}

const kinds: ReadonlyMap<string, Value["kind"]> = new Map([
  ["FILE", "file"],
  ["PATH", "file"],
  ["PROGRAM", "file"],
  ["DIR", "folder"],
]);

function notesOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => void (text += more) }).outputHelp();
  return text.slice(command.helpInformation().length).trim();
}
