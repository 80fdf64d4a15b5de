// What is in a folder, as a visitor finds it: by the mounts that apply to it, and without what it
// could not fetch. It must not know how content is read.

import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { setImmediate } from "node:timers/promises";
import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import { requestOf, type Shelf } from "./files.ts";
import type { Folder, FolderEntry } from "./messages.ts";

const entriesMax = 2000;
const namesMax = 10_000;
const depthMax = 8;
const entriesAtOnce = 500;

/** What is in a folder, folders first; `path` is as in a name. Throws TftpError. */
export async function listFolder(shelf: Shelf, path: string, client: Address): Promise<Folder> {
  const { root, folder, found, mounted, uploads } = await look(shelf, path, client);
  const names = found.map(({ name }) => name).sort();
  const shown = await Promise.all(
    names.slice(0, entriesMax).map((name) => describe(root, join(folder, name), name)),
  );
  const entries = mounted.map((name): FolderEntry => {
    return { name, kind: "folder", size: null, modifiedAt: null };
  });
  for (const entry of shown) {
    const isHidden = entry?.kind === "folder" && mounted.includes(entry.name);
    if (entry && !isHidden) entries.push(entry);
  }
  entries.sort((a, b) => (a.kind === b.kind ? 0 : a.kind === "folder" ? -1 : 1));
  return { entries, uploads, more: Math.max(0, names.length - entriesMax) };
}

/** The names of files, for comparison with wrong ones; as many as can be looked at quickly. */
export async function fileNames(shelf: Shelf, client: Address): Promise<string[]> {
  const names: string[] = [];
  const waiting = [{ path: "", depth: 0 }];
  for (let next = waiting.shift(); next && names.length < namesMax; next = waiting.shift()) {
    const { path, depth } = next;
    const { found, mounted } = await look(shelf, path, client).catch(() => nothing);
    const folders = new Set(mounted);
    for (const entry of found) {
      if (entry.isDirectory()) folders.add(entry.name);
      else if (entry.isFile() || entry.isSymbolicLink()) names.push(below(path, entry.name));
    }
    if (depth === depthMax) continue;
    for (const name of folders) waiting.push({ path: below(path, name), depth: depth + 1 });
  }
  return names;
}

interface Look {
  /** Nothing leads out of it. */
  readonly root: string;
  readonly folder: string;
  readonly found: readonly Dirent[];
  /** Names of folders that are mounted here. */
  readonly mounted: readonly string[];
  readonly uploads: Folder["uploads"];
}

const nothing: Look = { root: "", folder: "", found: [], mounted: [], uploads: "off" };

/** Throws TftpError for what is outside, hidden or no folder. */
async function look(shelf: Shelf, path: string, client: Address): Promise<Look> {
  const segments = path.split("/").filter((segment) => segment !== "");
  if (!segments.every((segment) => isShown(shelf, segment))) throw missing();
  const mounted = mountedIn(shelf, segments, client);
  try {
    // A folder has no name of its own: the mount of a name in it is its mount.
    const { mount, name } = shelf.offer().find([...segments, "x"].join("/"), client);
    const root = await realpath(resolve(mount.dir));
    const folder = await realpath(join(root, ...name.split("/").slice(0, -1)));
    if (!isInside(root, folder)) throw missing();
    const found = await readdir(folder, { withFileTypes: true });
    const shown: Dirent[] = [];
    for (const [index, entry] of found.entries()) {
      // Transfers go on meanwhile, however many there are.
      if (index % entriesAtOnce === entriesAtOnce - 1) await setImmediate();
      if (!isShown(shelf, entry.name)) continue;
      const whole = below(segments.join("/"), entry.name);
      if (entry.isDirectory() || mayFetch(shelf, whole, client)) shown.push(entry);
    }
    return { root, folder, found: shown, mounted, uploads: mount.uploads };
  } catch {
    // What leads to a mount need not be there itself.
    if (mounted.length > 0) return { ...nothing, mounted };
    throw missing();
  }
}

function mountedIn(shelf: Shelf, segments: readonly string[], client: Address): string[] {
  const { mounts, find } = shelf.offer();
  const names = mounts.flatMap(({ at }) => {
    const whole = at.split(/[\\/]/).filter((segment) => segment !== "");
    const isBelow = segments.every((segment, index) => segment === whole[index]);
    const [next] = whole.slice(segments.length);
    if (!isBelow || next === undefined || !isShown(shelf, next)) return [];
    return leadsTo(() => find([...whole, "x"].join("/"), client).mount.at === at) ? [next] : [];
  });
  return [...new Set(names)].sort();
}

function mayFetch(shelf: Shelf, name: string, client: Address): boolean {
  return leadsTo(() => {
    shelf.offer().find(name, client);
    return shelf.mayRead(name, requestOf(client));
  });
}

/** What no name leads to is told as an error. */
function leadsTo(look: () => boolean): boolean {
  try {
    return look();
  } catch {
    return false;
  }
}

async function describe(
  root: string,
  path: string,
  name: string,
): Promise<FolderEntry | undefined> {
  try {
    if (!isInside(root, await realpath(path))) return undefined;
    const found = await stat(path);
    const modifiedAt = found.mtimeMs;
    if (found.isDirectory()) return { name, kind: "folder", size: null, modifiedAt };
    return found.isFile() ? { name, kind: "file", size: found.size, modifiedAt } : undefined;
  } catch {
    return undefined; // gone, or a link to nowhere
  }
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** A backslash parts a name, so none of its segments has one. */
function isShown({ offer }: Shelf, name: string): boolean {
  if (name === "." || name === ".." || /[\\\0]/.test(name)) return false;
  return offer().dotFiles || !name.startsWith(".");
}

function below(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

function missing(): TftpError {
  return new TftpError("FILE_NOT_FOUND", "there is no such folder");
}
