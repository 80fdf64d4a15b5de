// Clears away what a process that was killed left of its uploads. Deletes nothing but part files,
// and no part of a process that may still be at work. Knows no requests.

import { lstat, opendir, realpath, unlink } from "node:fs/promises";
import { join } from "node:path";
import { openInside, pinnedPath } from "./inside.ts";
import { ownerOf } from "./part-owner.ts";

export interface LeftoversOptions {
  /** Also in the folders below; default true. Links are not followed. */
  readonly deep?: boolean;
  /** Ends it where it is. */
  readonly signal?: AbortSignal;
}

/** Removes the part files of uploads below `root` whose process is gone; those of another machine
 * or container only after a day without a change. Returns their names, with `/` between the
 * segments. What cannot be read or removed stays; throws nothing. */
export async function removeLeftovers(
  root: string,
  options: LeftoversOptions = {},
): Promise<readonly string[]> {
  const top = await realpath(root).catch(() => undefined);
  const removed: string[] = [];
  const waiting: (readonly string[])[] = top === undefined ? [] : [[]];
  const { deep = true, signal } = options;
  for (let segments = waiting.pop(); segments && !signal?.aborted; segments = waiting.pop()) {
    const found = await sweep(top as string, segments, signal).catch(() => undefined);
    removed.push(...(found?.removed ?? []));
    if (deep) waiting.push(...(found?.folders ?? []));
  }
  return removed;
}

/** No client is silent for so long and still served. */
const untouchedMillis = 24 * 60 * 60 * 1000;

interface Swept {
  readonly removed: readonly string[];
  readonly folders: readonly (readonly string[])[];
}

/** Through the folder's descriptor: a link that takes its place leads nowhere. */
async function sweep(
  root: string,
  segments: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Swept> {
  const removed: string[] = [];
  const folders: (readonly string[])[] = [];
  const folder = await openInside(root, segments, "folder");
  try {
    const path = await pinnedPath(folder);
    for await (const entry of await opendir(path)) {
      if (signal?.aborted) break;
      if (entry.isDirectory()) folders.push([...segments, entry.name]);
      else if (entry.isFile() && (await clear(path, entry.name))) {
        removed.push([...segments, entry.name].join("/"));
      }
    }
  } finally {
    await folder.handle.close();
  }
  return { removed, folders };
}

async function clear(folder: string, name: string): Promise<boolean> {
  try {
    if (!(await isLeftover(folder, name))) return false;
    await unlink(join(folder, name));
    return true;
  } catch {
    return false; // It went meanwhile, or is not ours to remove.
  }
}

async function isLeftover(folder: string, name: string): Promise<boolean> {
  const owner = ownerOf(name);
  if (owner !== "unknown") return owner === "gone";
  return Date.now() - (await lstat(join(folder, name))).mtimeMs > untouchedMillis;
}
