// `tidewire get`: finds a place for each file and fills it. A place is whole or not there at all.

import { createWriteStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import type { Command } from "commander";
import { fileSink, get, parseTftpUrl, removeLeftovers, type Sink, TftpError } from "../index.ts";
import { statOf } from "./local-file.ts";
import {
  addTransferOptions,
  bytesOption,
  type TransferFlags,
  withMode,
  wrongUsage,
} from "./options.ts";
import { type Job, type RunOptions, runAll } from "./transfers.ts";

interface GetFlags extends TransferFlags {
  readonly output?: string;
  readonly sync?: boolean;
}

export function define(command: Command): void {
  command
    .argument("<URL...>", "tftp://HOST[:PORT]/NAME[;mode=octet|netascii]")
    .option("-o, --output <PATH>", "a file, a folder, or - for standard output")
    .option("--sync", "wait until the disk has each file (fsync)")
    .addOption(bytesOption("--bytes-max <N>", "largest file, such as 10M or 1G (default: any)"));
  addTransferOptions(command)
    .addHelpText("after", examples)
    .action(async (urls: string[], flags: GetFlags) => {
      process.exitCode = await runAll(await jobsFor(urls, flags), flags);
    });
}

const examples = `
Without -o a file is saved in the current folder, under the last part of its
name. A file that is there already is replaced once the new one is whole.

Examples:
  tidewire get tftp://192.0.2.1/boot/vmlinuz tftp://192.0.2.1/boot/initrd -o /tmp/
  tidewire get tftp://[2001:db8::1]:6969/switch.cfg -o - | less`;

async function jobsFor(urls: readonly string[], flags: GetFlags): Promise<Job[]> {
  const { output } = flags;
  if (output === "") {
    throw wrongUsage("-o names no file", "Name a file, a folder, or - for standard output.");
  }
  const isSingle = output !== undefined && (output === "-" || !(await isFolder(output)));
  if (urls.length > 1 && isSingle) {
    throw wrongUsage(
      `${urls.length} files cannot all go to ${output === "-" ? "standard output" : output}`,
      "Name a folder with -o, or fetch them one by one.",
    );
  }
  const taken = new Set<string>();
  return urls.map((given) => {
    const url = withMode(given, flags.mode);
    const { filename } = parseTftpUrl(url);
    const path = isSingle ? output : pathIn(output ?? "", localName(filename));
    if (taken.has(path)) {
      throw wrongUsage(`two of the files would become ${path}`, "Fetch them one by one, with -o.");
    }
    taken.add(path);
    const durable = flags.sync ?? false;
    const run = (options: RunOptions) => fetchTo({ path, durable }, url, options);
    return { op: "get", url, file: filename, path, run };
  });
}

interface Place {
  readonly path: string;
  readonly durable: boolean;
}

async function fetchTo(
  { path, durable }: Place,
  url: string,
  options: RunOptions,
): ReturnType<Job["run"]> {
  // An earlier run that was killed cannot have cleared up after itself.
  if (path !== "-") await removeLeftovers(dirname(await finalPath(path)), { deep: false });
  const sink =
    path === "-"
      ? standardOutput(options.signal)
      : await fileSink(path, { durable, blocking: true });
  return get(url, options).into(sink);
}

/** A link stays one, and its target is what is written. */
function finalPath(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

/** The last part of a name, and never a way out of the folder, a hidden file, or what a terminal
 * would obey. Throws TftpError INVALID_ARGUMENT. */
export function localName(filename: string, platform: string = process.platform): string {
  const last = filename.split(/[\\/]/).at(-1) as string;
  const what = faultOf(last, platform);
  if (what === undefined) return last;
  throw wrongUsage(`the URL gives no name for the file: ${what}`, "Name the file with -o FILE.");
}

function faultOf(name: string, platform: string): string | undefined {
  if (name === "") return "it ends with a slash";
  if (name.startsWith(".")) return `${name} begins with a dot`;
  if (unseen.test(name)) return `${name} holds control characters`;
  if (platform !== "win32") return undefined;
  return ofWindows.test(name) ? `${name} has a meaning of its own on Windows` : undefined;
}

/** Control characters, other line ends, and changes of direction that disguise an extension. */
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
/** Streams and drives, wildcards, devices; and what Windows cuts off the end. */
const ofWindows = /[<>:"|?*]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** A dash that came from the URL is a name, not standard output. */
function pathIn(folder: string, name: string): string {
  return folder === "" && name === "-" ? `.${sep}-` : join(folder, name);
}

/** A name that ends with a slash is meant to be a folder, even if there is none. */
async function isFolder(path: string): Promise<boolean> {
  if (path.endsWith("/") || path.endsWith(sep)) return true;
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

const stuckMillis = 500;

/** Waits until the reader has taken what was written, but not beyond the signal. */
function standardOutput(signal: AbortSignal | undefined): Sink {
  // Node takes a disk for an output that nobody reads, and throws everything away.
  const isDisk = statOf(1)?.isBlockDevice() ?? false;
  const stream = isDisk ? createWriteStream("", { fd: 1 }) : process.stdout;
  stream.on("error", () => {}); // a write tells it
  return {
    writev: (payloads) =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          reject(signal?.reason);
          // What nobody reads would keep the process alive.
          setTimeout(() => process.exit(), stuckMillis).unref();
        };
        signal?.addEventListener("abort", stop);
        stream.write(Buffer.concat(payloads), (error) => {
          signal?.removeEventListener("abort", stop);
          error ? reject(outputError(error)) : resolve();
        });
      }),
    commit: async () => {},
    discard: async () => {},
  };
}

/** The server is to hear that there was no room. */
function outputError(cause: NodeJS.ErrnoException): Error {
  const full = ["ENOSPC", "EDQUOT", "EFBIG"].includes(cause.code ?? "");
  return full ? new TftpError("DISK_FULL", "disk full", { cause }) : cause;
}
