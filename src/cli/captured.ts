// `--capture FILE` of get and put: whatever goes over the wire, written when all is done. Loads
// what it needs only when it is asked for.

import { open, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { PacketTap } from "../index.ts";
import { TftpError } from "../index.ts";
import { systemCode } from "./failure.ts";
import { wrongUsage } from "./options.ts";

export interface Captured {
  readonly tap: PacketTap;
  /** Throws TftpError STORAGE. */
  readonly write: () => Promise<void>;
}

/** Beyond this the packets in the middle are given up. */
const bytesMax = 256 * 1024 * 1024;

/** Throws TftpError: INVALID_ARGUMENT where the capture would replace one of `others`, STORAGE
 * where it cannot be written. */
export async function capturing(path: string, others: readonly string[]): Promise<Captured> {
  const files = [path, `${path}.json`];
  for (const file of files) await refuseSame(file, others);
  try {
    for (const file of files) await tryToWrite(file);
  } catch (cause) {
    throw notWritten(path, cause);
  }
  const { ClientCapture } = await import("../observe/client-capture.ts");
  const tap = new ClientCapture(bytesMax);
  return { tap, write: () => write(path, tap.files()) };
}

interface Files {
  readonly pcapng: Iterable<Uint8Array>;
  readonly timeline: Iterable<string>;
}

async function write(path: string, { pcapng, timeline }: Files): Promise<void> {
  const { writeTo } = await import("../observe/capture-files.ts");
  const left = [path, `${path}.json`];
  try {
    await writeTo(path, pcapng);
    left.shift();
    await writeTo(`${path}.json`, timeline);
  } catch (cause) {
    for (const file of left) await removeFile(file);
    throw notWritten(left[0] as string, cause);
  }
}

/** A part of a capture, or one of an earlier run, would be taken for this one. */
async function removeFile(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) await rm(path);
  } catch {}
}

function notWritten(path: string, cause: unknown): TftpError {
  const message = `the capture ${path} cannot be written (${systemCode(cause)})`;
  const hint = "Name another file with --capture, or make room there.";
  return new TftpError("STORAGE", message, { hint, cause });
}

async function refuseSame(file: string, others: readonly string[]): Promise<void> {
  const own = await identity(file);
  for (const other of others) {
    if (own === undefined || own !== (await identity(other))) continue;
    throw wrongUsage(`the capture would replace ${other}`, "Name another file with --capture.");
  }
}

/** The same for all names and links of a file, also of one that is not there yet. None for devices
 * and the like, which nothing replaces. */
async function identity(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found) return found.isFile() ? `${found.dev}:${found.ino}` : undefined;
  const folder = await realpath(dirname(path)).catch(() => resolve(dirname(path)));
  return join(folder, basename(path));
}

/** Leaves an empty file where there was none: it is known soon enough whether it can be filled. */
async function tryToWrite(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  // To open a FIFO twice would be seen at its other end.
  if (found && !found.isFile() && !found.isDirectory()) return;
  await (await open(file, "a")).close();
}
