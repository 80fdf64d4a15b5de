// A Storage on a folder of this machine. Reads never leave the folder; an upload appears whole or
// not at all. Knows no blocks and no network.

import { constants } from "node:fs";
import { access, lstat, realpath, statfs } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { TftpError } from "../core/errors.ts";
import type { RequestInfo, Sink, Storage } from "../ports.ts";
import { fileError, notRegular, systemCode } from "./file-error.ts";
import { FileSink } from "./file-sink.ts";
import { type Opened, openInside, pinnedPath, realpathInside } from "./inside.ts";
import { Missing } from "./missing.ts";
import { nameBelow, resolveName } from "./name.ts";
import { OpenFiles, withRoom } from "./open-files.ts";
import { SimilarNames } from "./similar.ts";
import { alreadyThere, type Uploads, uploadsOf, uploadsOff } from "./uploads.ts";
import { WriteBehind } from "./write-behind.ts";

export interface DirectoryOptions {
  /** Default `off`. */
  readonly uploads?: Uploads;
  /** Names with a segment that begins with a dot can be read and written; default false. */
  readonly dotFiles?: boolean;
}

/** The regular files below `root`. Links are followed as long as they stay inside. `root` need not
 * exist yet and may be a link, which is followed anew for each request.
 * Throws TftpError INVALID_ARGUMENT for an empty `root` or an unknown policy. */
export function directory(root: string, options: DirectoryOptions = {}): Storage {
  if (root === "") throw new TftpError("INVALID_ARGUMENT", "the folder to serve has no name");
  const top = resolve(root);
  const uploads = uploadsOf(options.uploads);
  const files = new OpenFiles();
  const missing = new Missing();
  const plainPath = remembered(namesMax, (name) => join(top, ...resolveName(name, options)));
  const similar = new SimilarNames(top, options.dotFiles ?? false);
  return {
    readAtHand(name, _request, receipt) {
      const path = plainPath(name);
      return path === undefined ? undefined : files.kept(path, receipt);
    },
    openRead: (name) => {
      const paths = placesOf(top, name, options);
      return missing.open(name, { top, paths }, () =>
        withHint(similar, paths[0], () =>
          locate(top, name, options, (segments) =>
            files.source(join(top, ...segments), () =>
              withRoom(async () => openInside(await realpath(top), segments, "file")),
            ),
          ),
        ),
      );
    },
    async openWrite(name, request) {
      if (uploads === "off") throw uploadsOff();
      return locate(top, name, options, async (segments) => {
        const upload = { root: await realpath(top), segments, overwrite: uploads === "overwrite" };
        return withRoom(() => writeFile(upload, request));
      });
    },
  };
}

/** The file that `directory` with these options would send under a name, or for `wrq` the one that
 * an upload would become. Nothing is written. Throws TftpError for what it would refuse. */
export async function fileNamed(
  root: string,
  name: string,
  { op, ...options }: DirectoryOptions & { readonly op: "rrq" | "wrq" },
): Promise<string> {
  const uploads = uploadsOf(options.uploads);
  if (op === "wrq" && uploads === "off") throw uploadsOff();
  return locate(resolve(root), name, options, async (segments) => {
    const top = await realpath(root);
    if (op === "wrq") {
      const upload = { root: top, segments, overwrite: uploads === "overwrite" };
      const { folder, name } = await placeOf(upload);
      await folder.handle.close();
      await access(folder.path, constants.W_OK);
      return join(folder.path, name);
    }
    const { handle, path } = await openInside(top, segments, "file");
    await handle.close();
    return path;
  });
}

/** Boot loaders ask for the same names again and again. */
const namesMax = 1024;

/** What `find` finds for a name, or nothing where it throws; the names are told what is wrong when
 * they are looked for. */
function remembered(
  most: number,
  find: (name: string) => string,
): (name: string) => string | undefined {
  const known = new Map<string, string>();
  return (name) => {
    const earlier = known.get(name);
    if (earlier !== undefined) return earlier;
    if (known.size >= most) known.clear();
    try {
      const found = find(name);
      known.set(name, found);
      return found;
    } catch {
      return undefined;
    }
  };
}

/** Tries the plain name, then what follows the root's own path: some clients send `/srv/tftp/x`. */
async function locate<T>(
  top: string,
  name: string,
  options: DirectoryOptions,
  open: (segments: readonly string[]) => Promise<T>,
): Promise<T> {
  try {
    return await open(resolveName(name, options));
  } catch (thrown) {
    const error = fileError(thrown);
    const below = error.code === "FILE_NOT_FOUND" && nameBelow(name, top, options);
    if (!below) throw error;
    return await open(below).catch((again: unknown) => {
      throw fileError(again);
    });
  }
}

/** Every path below `top` that `locate` may look at; none for a name that cannot exist. */
function placesOf(top: string, name: string, options: DirectoryOptions): string[][] {
  try {
    const below = nameBelow(name, top, options);
    return below ? [resolveName(name, options), below] : [resolveName(name, options)];
  } catch {
    return [];
  }
}

/** A file that is missing may be there under a name that is nearly the same. */
async function withHint<T>(
  similar: SimilarNames,
  segments: readonly string[] | undefined,
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    const missing = thrown instanceof TftpError && thrown.code === "FILE_NOT_FOUND";
    const hint = missing && segments && (await similar.hint(segments));
    if (!hint) throw thrown;
    const { code, message, cause } = thrown;
    throw new TftpError(code, message, { hint, cause });
  }
}

interface Upload {
  readonly root: string;
  readonly segments: readonly string[];
  readonly overwrite: boolean;
}

async function writeFile(upload: Upload, request: RequestInfo): Promise<Sink> {
  const { folder, name } = await placeOf(upload);
  try {
    const folderPath = await pinnedPath(folder);
    if (request.size !== undefined) await requireSpace(folderPath, request.size);
    const { overwrite } = upload;
    const file = await FileSink.open({ folder: folder.handle, folderPath, name, overwrite });
    return new WriteBehind(file);
  } catch (thrown) {
    await folder.handle.close();
    throw thrown;
  }
}

/** The folder is the caller's to close. */
async function placeOf(
  upload: Upload,
): Promise<{ readonly folder: Opened; readonly name: string }> {
  const segments = await finalSegments(upload);
  const folder = await openFolder(upload.root, segments.slice(0, -1));
  return { folder, name: segments.at(-1) ?? "" };
}

/** Where the upload will stand: behind a link that stays inside, its target is replaced and not the
 * link. */
async function finalSegments({ root, segments, overwrite }: Upload): Promise<readonly string[]> {
  const folder = await realpathInside(root, segments.slice(0, -1)).catch(missingFolder);
  const found = await lstat(join(folder, segments.at(-1) ?? "")).catch(ignoreMissing);
  if (found === undefined) return segments;
  if (!found.isFile() && !found.isSymbolicLink()) throw notRegular();
  if (!overwrite) throw alreadyThere();
  if (found.isFile()) return segments;
  const target = await realpathInside(root, segments);
  if (!(await lstat(target)).isFile()) throw notRegular();
  return relative(root, target).split(sep);
}

function openFolder(root: string, segments: readonly string[]): Promise<Opened> {
  return openInside(root, segments, "folder").catch(missingFolder);
}

const unknownRoom = { bavail: 0, bsize: 0, blocks: 0 };

/** The temporary file needs the room even where it replaces another one. */
async function requireSpace(folderPath: string, size: number): Promise<void> {
  // Some network file systems say nothing about their size, or cannot be asked.
  const { bavail, bsize, blocks } =
    (await statfs(folderPath).catch(() => undefined)) ?? unknownRoom;
  if (blocks > 0 && size > bavail * bsize) throw new TftpError("DISK_FULL", "disk full");
}

/** ERROR 1 and 2 are the ones that make U-Boot stop; after others it asks again for ever. */
function missingFolder(thrown: unknown): never {
  throw fileError(thrown, "the folder does not exist");
}

function ignoreMissing(thrown: unknown): undefined {
  if (!["ENOENT", "ENOTDIR"].includes(systemCode(thrown) ?? "")) throw thrown;
}
