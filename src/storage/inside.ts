// Opens what lies inside a root and nothing else, also not through a link, a FIFO or a device.
// Looks at the opened descriptor and not only at the name, since a name may change in between.

import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, lstat, open, readlink, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { TftpError } from "../core/errors.ts";
import { notRegular, systemCode } from "./file-error.ts";

export interface Opened {
  /** The caller's to close. */
  readonly handle: FileHandle;
  /** Free of links. */
  readonly path: string;
  readonly stat: BigIntStats;
}

/** Opens for reading. `root` is free of links. Never blocks. Throws TftpError or a system error. */
export async function openInside(
  root: string,
  segments: readonly string[],
  kind: "file" | "folder",
): Promise<Opened> {
  const path = await realpathInside(root, segments);
  // Even opening a device can have an effect, so its kind is asked for first.
  requireKind(await lstat(path, { bigint: true }), kind);
  const handle = await open(path, openFlags | (kind === "folder" ? constants.O_DIRECTORY : 0));
  try {
    const stat = await handle.stat({ bigint: true });
    requireKind(stat, kind);
    if (!isInside(root, await descriptorPath(handle, stat, path))) throw linkOut();
    return { handle, path, stat };
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

/** The path below `root`, links followed. Throws TftpError ACCESS_VIOLATION if it leads out. */
export async function realpathInside(root: string, segments: readonly string[]): Promise<string> {
  try {
    const path = await realpath(join(root, ...segments));
    if (!isInside(root, path)) throw linkOut();
    return path;
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === "ENOENT" || code === "ENOTDIR") await refuseWayOut(root, segments);
    throw thrown;
  }
}

/** A path of the folder that stays with it whatever becomes of its name. Where the system offers
 * none, its own path. */
export async function pinnedPath(folder: Opened): Promise<string> {
  const pinned = `/proc/self/fd/${folder.handle.fd}`;
  const found = await stat(pinned, { bigint: true }).catch(() => undefined);
  return found !== undefined && isSame(found, folder.stat) ? pinned : folder.path;
}

/** O_NONBLOCK: a FIFO that took the file's place must not hold us. Windows knows neither flag. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Behind a link that leads out every name is refused alike; else a client could find out which of
 * them exist. */
async function refuseWayOut(root: string, segments: readonly string[]): Promise<void> {
  for (let count = 1; count < segments.length; count++) {
    const path = await realpath(join(root, ...segments.slice(0, count))).catch(() => undefined);
    if (path === undefined) return;
    if (!isInside(root, path)) throw linkOut();
  }
}

function requireKind(stat: BigIntStats, kind: "file" | "folder"): void {
  if (kind === "file" && !stat.isFile()) throw notRegular();
  if (kind === "folder" && !stat.isDirectory()) {
    throw new TftpError("FILE_NOT_FOUND", "the folder does not exist");
  }
}

/** Where the opened file lies now. Linux knows; elsewhere the name is resolved once more and must
 * still be the same file. */
async function descriptorPath(
  handle: FileHandle,
  opened: BigIntStats,
  path: string,
): Promise<string> {
  if (process.platform === "linux") {
    const known = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => undefined);
    if (known !== undefined) return known;
  }
  const again = await realpath(path);
  if (!isSame(await stat(again, { bigint: true }), opened)) throw linkOut();
  return again;
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function linkOut(): TftpError {
  return new TftpError("ACCESS_VIOLATION", "the name leads out of the served folder", {
    hint: "A link inside the folder points outside; copy the file or mount its folder there.",
  });
}
