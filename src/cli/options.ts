// What several commands take: numbers with a range, and the options of a transfer.
// A wrong value throws TftpError INVALID_ARGUMENT with the option's own name.

import { type Command, Option } from "commander";
import { TftpError, type TransferOptions } from "../index.ts";
import { parseBytes } from "./units.ts";

/** What commander makes of the options below. */
export interface TransferFlags {
  readonly blksize?: number | "auto";
  readonly windowsize?: number | "auto";
  /** In seconds. */
  readonly timeout?: number;
  readonly retries?: number;
  readonly rollover?: 0 | 1;
  /** In seconds. */
  readonly maxTime?: number;
  /** Of `get` alone. */
  readonly bytesMax?: number;
  readonly mode?: "octet" | "netascii";
  /** False with --no-options. */
  readonly options: boolean;
  readonly json?: boolean;
  readonly capture?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

type Range = readonly [least: number, most: number];

/** An option whose value is a whole number in this range. */
export function numberOption(flags: string, description: string, range: Range): Option {
  const name = nameOf(flags);
  return new Option(flags, description).argParser((text: string) => wholeNumber(name, text, range));
}

/** An option whose value is one of these words. */
export function choiceOption(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description).argParser((text: string) => {
    if (words.includes(text)) return text;
    const hint = `Give ${words.slice(0, -1).join(", ")} or ${words.at(-1)}.`;
    throw wrongValue(nameOf(flags), text, hint);
  });
  choices.set(option, words);
  return option;
}

/** The words of a choice; commander's own list of them would stand in the help a second time. */
export function choicesOf(option: Option): readonly string[] {
  return choices.get(option) ?? [];
}

const choices = new WeakMap<Option, readonly string[]>();

/** An option whose value is a number of bytes, perhaps with a unit. */
export function bytesOption(flags: string, description: string, least = 0): Option {
  return new Option(flags, description).argParser((text: string) => {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes >= least) return bytes;
    const atLeast = least === 0 ? "bytes" : `at least ${least} bytes`;
    throw wrongValue(nameOf(flags), text, `Give ${atLeast}, or a number with K, M, G or T.`);
  });
}

export function timeoutOption(): Option {
  const description = "how long to wait for an answer (default: 1, then adapts)";
  const flags = "--timeout <SECONDS>";
  return new Option(flags, description).argParser((text: string) => {
    const seconds = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
    if (seconds > 0 && seconds <= 255) return seconds;
    throw wrongValue(nameOf(flags), text, "Give seconds, from 0.001 to 255.");
  });
}

/** In whole seconds: what takes longer than a day is no single file. */
function maxTimeOption(): Option {
  return numberOption("--max-time <SECONDS>", "give up on a file that takes longer", [1, 86_400]);
}

export function retriesOption(): Option {
  return numberOption("--retries <N>", "how often to repeat a packet (default: 6)", [0, 1000]);
}

export function rolloverOption(): Option {
  return numberOption("--rollover <N>", "what follows block 65535: 0 or 1 (default: 0)", [0, 1]);
}

export function addTransferOptions(command: Command): Command {
  return command
    .addOption(
      autoOption(
        "--blksize <N>",
        "bytes per block, 8 to 65464, or auto (default: auto)",
        [8, 65_464],
      ),
    )
    .addOption(
      autoOption(
        "--windowsize <N>",
        "blocks per window, 1 to 65535, or auto (default: auto)",
        [1, 65_535],
      ),
    )
    .addOption(timeoutOption())
    .addOption(retriesOption())
    .addOption(maxTimeOption())
    .addOption(
      new Option("--no-options", "plain RFC 1350: ask for nothing but the file").conflicts([
        "blksize",
        "windowsize",
        "rollover",
      ]),
    )
    .addOption(rolloverOption())
    .addOption(
      choiceOption("--mode <MODE>", "octet or netascii, as ;mode= in the URL (default: octet)", [
        "octet",
        "netascii",
      ]),
    )
    .option("--capture <FILE>", "write all packets to FILE, for Wireshark, and FILE.json")
    .option("--json", "print the result as JSON, one object per file")
    .addOption(new Option("--quiet", "no progress bar and no summary").conflicts("verbose"))
    .option("--verbose", "also tell what was agreed, the round trip and repeats");
}

/** The same for the library. */
export function transferOptions(flags: TransferFlags): TransferOptions {
  const { blksize, windowsize, timeout, retries, rollover, bytesMax } = flags;
  return {
    ...(blksize === undefined ? {} : { blksize }),
    ...(windowsize === undefined ? {} : { windowsize }),
    ...(timeout === undefined ? {} : { timeoutMillis: timeout * 1000 }),
    ...(retries === undefined ? {} : { retries }),
    ...(rollover === undefined ? {} : { rollover }),
    ...(bytesMax === undefined ? {} : { bytesMax }),
    plain: !flags.options,
  };
}

/** The URL with the mode of --mode, where one was given. */
export function withMode(url: string, mode: TransferFlags["mode"]): string {
  if (mode === undefined) return url;
  const own = /;mode=([^;]*)$/i.exec(url)?.[1]?.toLowerCase();
  if (own === undefined) return `${url};mode=${mode}`;
  if (own === mode) return url;
  throw wrongUsage(
    `the URL asks for mode ${own}, but --mode for ${mode}`,
    "Leave one of them out.",
  );
}

export function wrongUsage(message: string, hint: string): TftpError {
  return new TftpError("INVALID_ARGUMENT", message, { hint });
}

export function wrongValue(option: string, text: string, hint: string): TftpError {
  return wrongUsage(`${option} cannot be "${text}"`, hint);
}

function autoOption(flags: string, description: string, range: Range): Option {
  const name = nameOf(flags);
  return new Option(flags, description).argParser((text: string) =>
    text === "auto" ? text : wholeNumber(name, text, range),
  );
}

function wholeNumber(name: string, text: string, [least, most]: Range): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw wrongValue(name, text, `Give a whole number from ${least} to ${most}.`);
}

function nameOf(flags: string): string {
  return flags.split(/[ ,]/)[0] as string;
}
