// The folder that is served, for a person at a browser: what is in it, downloads, uploads. Content
// goes through the server's own Storage, so the same names are allowed as by TFTP.

import { createHash } from "node:crypto";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { TftpError } from "../core/errors.ts";
import type { Address, RequestInfo, Sink, Storage } from "../ports.ts";
import type { Folder, FolderEntry } from "./messages.ts";

export interface Shelf {
  /** As visitors find it: what is refused to them is refused here. */
  readonly storage: Storage;
  /** The folder on this machine. */
  readonly root: string;
  /** What is allowed now. */
  readonly offer: () => Offer;
}

export interface Offer {
  readonly uploads: "off" | "create" | "overwrite";
  readonly uploadBytesMax: number;
  readonly dotFiles: boolean;
}

const entriesMax = 2000;
const namesMax = 10_000;
const depthMax = 8;

/** What is in a folder, folders first; `path` is relative to the root. Throws TftpError. */
export async function listFolder(shelf: Shelf, path: string): Promise<Folder> {
  const folder = await folderInside(shelf, path);
  const found = await readdir(folder, { withFileTypes: true });
  const names = found.map(({ name }) => name).filter((name) => isShown(shelf, name));
  const shown = await Promise.all(
    names
      .sort()
      .slice(0, entriesMax)
      .map((name) => describe(shelf, join(folder, name), name)),
  );
  const entries = shown.filter((entry) => entry !== undefined);
  entries.sort((a, b) => (a.kind === b.kind ? 0 : a.kind === "folder" ? -1 : 1));
  return { entries, more: Math.max(0, names.length - entriesMax) };
}

/** The names of files, for comparison with wrong ones; as many as can be looked at quickly. */
export async function fileNames(shelf: Shelf): Promise<string[]> {
  const names: string[] = [];
  const waiting = [{ path: "", depth: 0 }];
  for (let next = waiting.shift(); next && names.length < namesMax; next = waiting.shift()) {
    const { path, depth } = next;
    const found = await readdir(join(shelf.root, path), { withFileTypes: true }).catch(() => []);
    for (const entry of found) {
      if (!isShown(shelf, entry.name)) continue;
      const name = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isFile() || entry.isSymbolicLink()) names.push(name);
      else if (entry.isDirectory() && depth < depthMax) {
        waiting.push({ path: name, depth: depth + 1 });
      }
    }
  }
  return names;
}

/** The content of a file in pieces. Throws TftpError. */
export async function* readFile(
  { storage }: Shelf,
  name: string,
  client: Address,
): AsyncGenerator<Uint8Array, void, void> {
  const source = await storage.openRead(name, requestOf(client));
  try {
    const pieceBytes = 256 * 1024;
    for (let position = 0; ; ) {
      const piece = new Uint8Array(pieceBytes);
      const count = await source.readv([piece], position);
      if (count > 0) yield piece.subarray(0, count);
      position += count;
      if (count < pieceBytes) return;
    }
  } finally {
    await source.close();
  }
}

export interface Upload {
  readonly name: string;
  readonly client: Address;
  readonly size: number | undefined;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What became of an upload through the page. */
export interface PageUpload {
  readonly name: string;
  readonly client: Address;
  readonly bytes: number;
  readonly durationMillis: number;
  /** Of the stored content, in hexadecimal. */
  readonly sha256?: string;
  /** Why nothing was stored. */
  readonly error?: TftpError;
}

/** Stores what comes; whole, or not at all. Throws nothing. */
export async function writeFile(shelf: Shelf, upload: Upload): Promise<PageUpload> {
  const { name, client, size, content } = upload;
  const { uploads, uploadBytesMax: bytesMax } = shelf.offer();
  const hash = createHash("sha256");
  let sink: Sink | undefined;
  let bytes = 0;
  const began = performance.now();
  const done = (): Omit<PageUpload, "sha256" | "error"> => {
    return { name, client, bytes, durationMillis: performance.now() - began };
  };
  try {
    if (uploads === "off") throw new TftpError("ACCESS_VIOLATION", "uploads are not allowed");
    sink = await shelf.storage.openWrite(name, requestOf(client, size));
    for await (const piece of untilCut(content)) {
      bytes += piece.length;
      if (bytes > bytesMax) throw new TftpError("TOO_LARGE", `more than ${bytesMax} bytes`);
      hash.update(piece);
      await sink.writev([piece]);
    }
    if (size !== undefined && bytes < size) throw wasCut();
    await sink.commit();
    return { ...done(), sha256: hash.digest("hex") };
  } catch (thrown) {
    await sink?.discard();
    return { ...done(), error: TftpError.from(thrown) };
  }
}

/** Its failure is the sender's, and none of the storage. */
async function* untilCut(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } catch (cause) {
    throw cause instanceof TftpError ? cause : wasCut(cause);
  }
}

function wasCut(cause?: unknown): TftpError {
  return new TftpError("ABORTED", "the upload was cut", { cause });
}

/** Throws TftpError for what is outside, hidden or no folder. */
async function folderInside(shelf: Shelf, path: string): Promise<string> {
  const segments = path.split("/").filter((segment) => segment !== "");
  const missing = new TftpError("FILE_NOT_FOUND", "there is no such folder");
  if (segments.some((segment) => !isShown(shelf, segment) || segment.includes("\0"))) throw missing;
  try {
    const folder = await realpath(join(resolve(shelf.root), ...segments));
    if (await isInside(shelf, folder)) return folder;
  } catch {}
  throw missing;
}

async function isInside(shelf: Shelf, path: string): Promise<boolean> {
  const root = await realpath(shelf.root);
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

async function describe(
  shelf: Shelf,
  path: string,
  name: string,
): Promise<FolderEntry | undefined> {
  try {
    if (!(await isInside(shelf, await realpath(path)))) return undefined;
    const found = await stat(path);
    const modifiedAt = found.mtimeMs;
    if (found.isDirectory()) return { name, kind: "folder", size: null, modifiedAt };
    return found.isFile() ? { name, kind: "file", size: found.size, modifiedAt } : undefined;
  } catch {
    return undefined; // gone, or a link to nowhere
  }
}

function isShown({ offer }: Shelf, name: string): boolean {
  if (name === "." || name === "..") return false;
  return offer().dotFiles || !name.startsWith(".");
}

function requestOf(client: Address, size?: number): RequestInfo {
  const options = new Map();
  return { client, mode: "octet", options, ...(size === undefined ? {} : { size }) };
}
