// A Sink that becomes a file all at once: temporary file beside it, fsync, then the final name.
// Decides nothing about names; a reader sees the old content or the new one, whole.

import { constants, type Stats, writev, writevSync } from "node:fs";
import { type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { TftpError } from "../core/errors.ts";
import type { Sink } from "../ports.ts";
import { destination } from "./destination.ts";
import { fileError, notRegular, systemCode } from "./file-error.ts";
import { partName } from "./part-owner.ts";
import { between, totalBytes } from "./parts.ts";
import { WriteBehind } from "./write-behind.ts";
import { WriteNow } from "./write-now.ts";

interface FileTarget {
  /** Open for reading; the sink closes it. */
  readonly folder: FileHandle;
  /** A path of the same folder. */
  readonly folderPath: string;
  readonly name: string;
  /** False: a file of that name, also one that appears meanwhile, is kept. */
  readonly overwrite: boolean;
  /** False: `commit` gives the name and leaves it to the system when the disk has it. */
  readonly durable?: boolean;
}

export class FileSink implements Sink {
  readonly #target: FileTarget;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #written = 0;
  #failure: TftpError | undefined;
  #committing: Promise<void> | undefined;
  #discarding: Promise<void> | undefined;

  private constructor(target: FileTarget, temporary: string, handle: FileHandle) {
    this.#target = target;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** Throws TftpError; `target.folder` is closed then. */
  static async open(target: FileTarget): Promise<FileSink> {
    const temporary = join(target.folderPath, partName());
    try {
      // Never more open than the file it replaces, also while it grows.
      const permissions = (await replacedPermissions(target)) ?? 0o666;
      return new FileSink(target, temporary, await open(temporary, temporaryFlags, permissions));
    } catch (thrown) {
      await target.folder.close();
      throw writeError(thrown);
    }
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    try {
      this.#written += await writeAll(this.#handle, payloads, this.#written);
    } catch (thrown) {
      throw (this.#failure = writeError(thrown));
    }
  }

  /** The same in the call itself: everything else waits for the disk. Throws TftpError. */
  writeNow(payloads: readonly Uint8Array[]): void {
    const { fd } = this.#handle;
    const wanted = totalBytes(payloads);
    try {
      for (let done = 0; done < wanted; ) {
        const written = writevSync(fd, rest(payloads, done, wanted), this.#written);
        this.#written += written;
        done += written;
      }
    } catch (thrown) {
      throw (this.#failure = writeError(thrown));
    }
  }

  /** Throws TftpError and leaves no trace. One exception: the folder's own fsync comes after the
   * name is given; when that fails, the file stands there whole and only its durability is
   * unknown. */
  commit(): Promise<void> {
    return (this.#committing ??= this.#commit());
  }

  discard(): Promise<void> {
    return (this.#discarding ??= this.#discard());
  }

  async #commit(): Promise<void> {
    const target = this.#target;
    const final = join(target.folderPath, target.name);
    const durable = target.durable ?? true;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#discarding !== undefined) throw new TftpError("ABORTED", "the file was discarded");
      const permissions = await replacedPermissions(target);
      if (permissions !== undefined) await setPermissions(this.#handle, permissions);
      if (durable) await this.#handle.sync();
      await this.#handle.close();
      if (target.overwrite) await rename(this.#temporary, final);
      else await giveNewName(this.#temporary, final);
      if (durable) await syncFolder(target.folder);
    } catch (thrown) {
      await this.#clear();
      throw writeError(thrown);
    }
    await target.folder.close();
  }

  async #discard(): Promise<void> {
    if (this.#committing === undefined) return this.#clear();
    await this.#committing.catch(() => undefined); // A commit that fails clears up itself.
  }

  async #clear(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await unlink(this.#temporary).catch(() => undefined);
    await this.#target.folder.close().catch(() => undefined);
  }
}

export interface FileSinkOptions {
  /** False: a file that is there is kept. Default true. */
  readonly overwrite?: boolean;
  /** Whether `commit` waits until the disk has the file (fsync). Without, a power cut soon after
   * may leave an empty or short one under the name. Default true. */
  readonly durable?: boolean;
  /** Writes in the call itself instead of in a thread. Cheaper, but everything else in the process
   * waits for the disk meanwhile: for a program that does nothing else. Default false. */
  readonly blocking?: boolean;
}

/** A Sink for a path of our own user. A regular file appears whole at `commit`; a device, a FIFO or
 * what this process has open already (`/dev/null`, `/dev/stdout`) takes the bytes as they come.
 * Throws TftpError with the path in `cause`. */
export async function fileSink(path: string, options: FileSinkOptions = {}): Promise<Sink> {
  const { overwrite = true, durable = true, blocking = false } = options;
  try {
    const full = resolve(path);
    const found = await existing(full);
    if (found && !overwrite) throw new TftpError("FILE_EXISTS", "file already exists");
    if (found?.isDirectory()) throw notRegular();
    if (found && !found.isFile()) return new DirectSink(await open(full, constants.O_WRONLY));
    // A link stays one; its target is replaced, or created.
    const final = overwrite ? await destination(full) : full;
    if (typeof final === "number") return new DirectSink(openAlready(final));
    const folderPath = dirname(final);
    const folder = await open(folderPath, constants.O_RDONLY | constants.O_DIRECTORY);
    const target = { folder, folderPath, name: basename(final), overwrite, durable };
    const file = await FileSink.open(target);
    return blocking ? new WriteNow(file) : new WriteBehind(file);
  } catch (thrown) {
    throw writeError(thrown);
  }
}

type Writable = Pick<FileHandle, "writev" | "close">;

/** Through the descriptor itself: who opens the file anew begins at its start. */
function openAlready(descriptor: number): Writable {
  return {
    writev: (parts) => promisify(writev)(descriptor, parts),
    close: async () => {},
  };
}

class DirectSink implements Sink {
  readonly #handle: Writable;

  constructor(handle: Writable) {
    this.#handle = handle;
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    try {
      await writeAll(this.#handle, payloads);
    } catch (thrown) {
      throw writeError(thrown);
    }
  }

  async commit(): Promise<void> {
    await this.#handle.close();
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
  }
}

const temporaryFlags =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function writeAll(
  handle: Pick<FileHandle, "writev">,
  parts: readonly Uint8Array[],
  position?: number,
): Promise<number> {
  const wanted = totalBytes(parts);
  for (let done = 0; done < wanted; ) {
    const at = position === undefined ? undefined : position + done;
    const { bytesWritten } = await handle.writev(rest(parts, done, wanted), at);
    done += bytesWritten;
  }
  return wanted;
}

function rest(parts: readonly Uint8Array[], done: number, wanted: number): readonly Uint8Array[] {
  return done === 0 ? parts : between(parts, done, wanted);
}

/** Gives the name only if it is free: `link` refuses a taken one, `rename` would not. */
async function giveNewName(temporary: string, final: string): Promise<void> {
  try {
    await link(temporary, final);
  } catch (thrown) {
    if (!withoutLinks.has(systemCode(thrown) ?? "")) throw thrown;
    return takeNameThenRename(temporary, final);
  }
  // The upload stands under its name; a second name that cannot go is no failure of it.
  await unlink(temporary).catch(() => undefined);
}

/** FAT, exFAT and some network file systems. */
const withoutLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** An empty file takes the name first; for that moment a reader finds it empty. */
async function takeNameThenRename(temporary: string, final: string): Promise<void> {
  const place = await open(final, temporaryFlags);
  try {
    await place.close();
    await rename(temporary, final);
  } catch (thrown) {
    await unlink(final).catch(() => undefined);
    throw thrown;
  }
}

/** Not where they are right already: Node's permission model allows no change. */
async function setPermissions(handle: FileHandle, permissions: number): Promise<void> {
  if (((await handle.stat()).mode & 0o777) !== permissions) await handle.chmod(permissions);
}

/** Some file systems, and Windows, cannot do it for a folder and need not. */
async function syncFolder(folder: FileHandle): Promise<void> {
  try {
    await folder.sync();
  } catch (thrown) {
    if (!["EINVAL", "ENOTSUP", "ENOSYS", "EPERM"].includes(systemCode(thrown) ?? "")) throw thrown;
  }
}

async function replacedPermissions(target: FileTarget): Promise<number | undefined> {
  if (!target.overwrite) return undefined;
  const found = await existing(join(target.folderPath, target.name));
  return found?.isFile() ? found.mode & 0o777 : undefined;
}

async function existing(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function writeError(thrown: unknown): TftpError {
  return fileError(thrown, "the folder does not exist");
}
