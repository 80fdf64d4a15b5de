// Keeps files open for a moment after they were asked for. To open one safely takes some eight
// calls of the system; in a storm of clients the next one then needs a single look, shared by all
// who ask at the same time. Knows no roots and no names: whoever opens has checked them.

import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import type { Source } from "../ports.ts";
import { FileSource } from "./file-source.ts";
import type { Opened } from "./inside.ts";

/** How long a file stays open after its last reader. */
const keepMillis = 2000;
/** Files that stay open without a reader; the one that was left longest ago makes room. */
const idleFilesMax = 64;

export class OpenFiles {
  readonly #files = new Map<string, KeptFile>();
  readonly #opening = new Map<string, Promise<KeptFile>>();
  readonly #idle = new Set<KeptFile>();

  /** The file at `path`: the one that is open if it still is that file, else what `open` opens. */
  async source(path: string, open: () => Promise<Opened>): Promise<Source> {
    const file = (await this.#current(path)) ?? (await this.#openOnce(path, open));
    return new FileSource(file.handle, file.stat, () => file.leave());
  }

  async #current(path: string): Promise<KeptFile | undefined> {
    const file = this.#files.get(path);
    if (!file) return undefined;
    file.join();
    if (await file.isStill(path)) return file;
    if (this.#files.get(path) === file) this.#files.delete(path);
    file.leave();
    return undefined;
  }

  async #openOnce(path: string, open: () => Promise<Opened>): Promise<KeptFile> {
    let opening = this.#opening.get(path);
    if (!opening) {
      opening = this.#open(path, open).finally(() => this.#opening.delete(path));
      this.#opening.set(path, opening);
    }
    const file = await opening;
    file.join();
    return file;
  }

  async #open(path: string, open: () => Promise<Opened>): Promise<KeptFile> {
    const file: KeptFile = new KeptFile(await open(), {
      onIdle: () => this.#rest(file),
      onBusy: () => this.#idle.delete(file),
      onClosed: () => {
        this.#idle.delete(file);
        if (this.#files.get(path) === file) this.#files.delete(path);
      },
    });
    this.#files.set(path, file);
    return file;
  }

  #rest(file: KeptFile): void {
    this.#idle.add(file);
    for (const oldest of this.#idle) {
      if (this.#idle.size <= idleFilesMax) return;
      oldest.close();
    }
  }
}

interface Lives {
  readonly onIdle: () => void;
  readonly onBusy: () => void;
  readonly onClosed: () => void;
}

class KeptFile {
  readonly handle: Opened["handle"];
  readonly stat: BigIntStats;
  readonly #lives: Lives;
  #readers = 0;
  #looking: Promise<boolean> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ handle, stat: found }: Opened, lives: Lives) {
    this.handle = handle;
    this.stat = found;
    this.#lives = lives;
  }

  join(): void {
    this.#readers += 1;
    if (this.#readers === 1) this.#lives.onBusy();
  }

  leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#lives.onIdle();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#readers === 0) this.close();
    }, keepMillis).unref();
  }

  /** Whether the path still leads to this file, unchanged. */
  isStill(path: string): Promise<boolean> {
    this.#looking ??= stat(path, { bigint: true })
      .then(
        (now) => identity(now) === identity(this.stat),
        () => false,
      )
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Only without readers. */
  close(): void {
    clearTimeout(this.#timer);
    this.#lives.onClosed();
    void this.handle.close().catch(() => undefined); // Nothing was written: nothing can be lost.
  }
}

function identity({ dev, ino, size, mtimeNs, ctimeNs, mode }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs, mode].join("-");
}
