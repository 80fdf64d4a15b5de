// `tidewire put`: opens each file, or standard input, and sends it.

import { type BigIntStats, createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import { parseTftpUrl, put, TftpError } from "../index.ts";
import { folderGiven, statOf } from "./local-file.ts";
import { addTransferOptions, type TransferFlags, withMode, wrongUsage } from "./options.ts";
import { type Job, type RunOptions, runAll } from "./transfers.ts";

export function define(command: Command): void {
  command
    .argument("<FILE...>", "files, or - for standard input; the URL comes last")
    .usage("[options] FILE... URL");
  addTransferOptions(command)
    .addHelpText("after", examples)
    .action(async (args: string[], flags: TransferFlags) => {
      process.exitCode = await runAll(jobsFor(args, flags), flags);
    });
}

const examples = `
The URL is tftp://HOST[:PORT]/NAME[;mode=octet|netascii]. One that ends with a
slash is a folder: each file keeps its own name there.

Examples:
  tidewire put running.cfg tftp://192.0.2.1/backup/switch-07.cfg
  make-config | tidewire put - tftp://192.0.2.1/generated.cfg`;

function jobsFor(args: readonly string[], flags: TransferFlags): Job[] {
  const paths = args.slice(0, -1);
  const last = args.at(-1) as string;
  if (paths.length === 0) {
    throw /^tftp:/i.test(last)
      ? wrongUsage("no file is named", "Write: tidewire put FILE URL, or - for standard input.")
      : wrongUsage("no URL is given", `Write: tidewire put ${last} tftp://HOST/NAME`);
  }
  if (paths.includes("")) {
    throw wrongUsage("a file has no name", "Name a file, or - for standard input.");
  }
  const swapped = paths.find((path) => /^tftp:\/\//i.test(path));
  if (swapped !== undefined) throw wrongUsage("the URL must come last", "Write: put FILE... URL");
  const target = withMode(last, flags.mode);
  const isFolder = /\/(?:;mode=[^;]*)?$/i.test(target);
  if (paths.length > 1 && !isFolder) {
    throw wrongUsage(
      `${paths.length} files cannot all become one file on the server`,
      "End the URL with a slash, and each keeps its own name there.",
    );
  }
  const taken = new Set<string>();
  return paths.map((path) => {
    const url = isFolder ? withName(target, path) : target;
    const { filename } = parseTftpUrl(url);
    if (taken.has(filename)) {
      throw wrongUsage(`two of the files would become ${filename}`, "Send them one by one.");
    }
    taken.add(filename);
    return { op: "put", url, file: filename, path, run: (options) => sendFrom(path, url, options) };
  });
}

function withName(url: string, path: string): string {
  if (path === "-") {
    throw wrongUsage("standard input has no name", "Write the name at the end of the URL.");
  }
  return url.replace(/(?:;mode=[^;]*)?$/i, (mode) => encodeURIComponent(basename(path)) + mode);
}

async function sendFrom(path: string, url: string, options: RunOptions): ReturnType<Job["run"]> {
  const { body, content, size } = path === "-" ? standardInput() : await openFile(path);
  // A read that waits for more input would hold up the end, of the transfer and of the process.
  options.signal?.addEventListener("abort", () => body.destroy(), { once: true });
  try {
    return await put(url, content, size === undefined ? options : { ...options, size });
  } catch (thrown) {
    if (!(thrown instanceof TftpError && thrown.cause instanceof FileChanged)) throw thrown;
    const message = `${path === "-" ? "standard input" : path} changed while it was read`;
    throw new TftpError("STORAGE", message, { hint: "Send a copy of it.", cause: thrown });
  } finally {
    body.destroy();
  }
}

interface Input {
  readonly body: Readable;
  /** What is read from it. */
  readonly content: AsyncIterable<Uint8Array>;
  readonly size?: number;
}

/** Node takes a disk or a folder for an input without content. */
function standardInput(): Input {
  const found = statOf(0);
  if (found?.isDirectory()) throw folderGiven("standard input");
  const body = found?.isBlockDevice() ? createReadStream("", { fd: 0 }) : process.stdin;
  // Where it begins is not known, and so no size.
  if (!isOfSize(found)) return { body, content: body };
  return { body, content: unchanged(body, async () => statOf(0), found) };
}

const exactly = { bigint: true } as const;
const readBytes = 256 * 1024;

async function openFile(path: string): Promise<Input> {
  const handle = await open(path);
  try {
    const found = await handle.stat(exactly);
    if (found.isDirectory()) throw folderGiven(path);
    if (!isOfSize(found)) {
      const body = handle.createReadStream({ highWaterMark: readBytes });
      return { body, content: body };
    }
    const size = Number(found.size);
    const range = { end: size - 1, highWaterMark: readBytes };
    const body = handle.createReadStream({ ...range, autoClose: false });
    return { body, content: unchanged(body, () => handle.stat(exactly), found), size };
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

/** Not of pipes and devices, nor of files in /proc, which say that they are empty. */
function isOfSize(found: BigIntStats | undefined): found is BigIntStats {
  return found?.isFile() === true && found.size > 0n;
}

class FileChanged extends Error {}

/** All of `body`, or a TftpError: a mixture of two versions would be stored as a whole file. A new
 * name or none is no change. */
async function* unchanged(
  body: Readable,
  look: () => Promise<BigIntStats | undefined>,
  was: BigIntStats,
): AsyncGenerator<Uint8Array> {
  yield* body;
  const now = await look();
  if (now?.size === was.size && now.mtimeNs === was.mtimeNs) return;
  const cause = new FileChanged();
  throw new TftpError("STORAGE", "the file changed while it was read", { cause });
}
