// Remembers which names were not found, since boot loaders ask for the same ones again and again.
// A new file is seen at once: it changes the times of the folder that it appears in. Knows no
// network.

import type { BigIntStats } from "node:fs";
import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TftpError } from "../core/errors.ts";
import { fileError, systemCode } from "./file-error.ts";

const namesMax = 1024;
/** For file systems that do not tell, such as some that lie on another machine. */
const keptMillis = 10_000;
/** Two changes within one tick of a file system's clock look like one. */
const quietMillis = 4000;

export class Missing {
  readonly #names = new Map<string, Gap>();
  readonly #now: () => number;

  /** `now` in milliseconds since the epoch. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** What `open` opens; or the error that it threw for this name, while nothing has changed.
   * `places` are the paths that the name stands for, as segments below `top`. */
  async open<T>(name: string, places: Places, open: () => Promise<T>): Promise<T> {
    const known = this.#names.get(name);
    if (known && known.until > this.#now() && (await known.isStill())) throw known.error;
    this.#names.delete(name);
    try {
      return await open();
    } catch (thrown) {
      const error = fileError(thrown);
      if (error.code === "FILE_NOT_FOUND") await this.#remember(name, places, error);
      throw error;
    }
  }

  async #remember(name: string, { top, paths }: Places, error: TftpError): Promise<void> {
    const found = paths.map((segments) => this.#deepestFolder(top, segments));
    const all: readonly (Folder | undefined)[] = await Promise.all(found).catch(() => []);
    const folders = all.filter((folder): folder is Folder => folder !== undefined);
    if (folders.length === 0 || folders.length < all.length) return;
    this.#names.set(name, new Gap(folders, error, this.#now() + keptMillis));
    const [oldest] = this.#names.keys();
    if (this.#names.size > namesMax && oldest !== undefined) this.#names.delete(oldest);
  }

  /** Where the way to the file ends; undefined when that place cannot be watched. */
  async #deepestFolder(top: string, segments: readonly string[]): Promise<Folder | undefined> {
    for (let count = segments.length - 1; count >= 0; count--) {
      const path = join(top, ...segments.slice(0, count));
      const now = await stat(path, { bigint: true }).catch(ignoreMissing);
      if (now === undefined) continue;
      // Behind a link that leads nowhere, another folder decides.
      const next = await lstat(join(path, segments[count] ?? "")).catch(ignoreMissing);
      const changedAt = Math.max(Number(now.ctimeMs), Number(now.mtimeMs));
      const quiet = this.#now() - changedAt >= quietMillis;
      return !next && now.isDirectory() && quiet ? { path, identity: identity(now) } : undefined;
    }
    return undefined;
  }
}

export interface Places {
  readonly top: string;
  readonly paths: readonly (readonly string[])[];
}

interface Folder {
  readonly path: string;
  readonly identity: string;
}

class Gap {
  readonly error: TftpError;
  readonly until: number;
  readonly #folders: readonly Folder[];
  #looking: Promise<boolean> | undefined;

  constructor(folders: readonly Folder[], error: TftpError, until: number) {
    this.#folders = folders;
    this.error = error;
    this.until = until;
  }

  /** One look at the folders, shared by all who ask meanwhile. */
  isStill(): Promise<boolean> {
    this.#looking ??= Promise.all(this.#folders.map(isUnchanged))
      .then((unchanged) => unchanged.every(Boolean))
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }
}

async function isUnchanged({ path, identity: before }: Folder): Promise<boolean> {
  const now = await stat(path, { bigint: true }).catch(() => undefined);
  return now !== undefined && identity(now) === before;
}

function identity({ dev, ino, mtimeNs, ctimeNs, mode }: BigIntStats): string {
  return [dev, ino, mtimeNs, ctimeNs, mode].join("-");
}

function ignoreMissing(thrown: unknown): undefined {
  if (systemCode(thrown) !== "ENOENT") throw thrown;
}
