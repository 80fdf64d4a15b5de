// Keeps files open for a moment after they were asked for. To open one safely takes some eight
// calls of the system; in a storm of clients the next one then needs a single look, shared by all
// who ask at the same time. Knows no roots and no names: whoever opens has checked them.

import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { TftpError } from "../core/errors.ts";
import type { Source } from "../ports.ts";
import { systemCode } from "./file-error.ts";
import { FileSource } from "./file-source.ts";
import type { Opened } from "./inside.ts";

/** How long, at most, a file stays open without a reader. */
const keepMillis = 2000;
/** Twice the coarsest clock of a file system in use. */
const settledMillis = 4000;
/** A look that took no longer, and for which nobody else could do anything, is quick. */
const quickMillis = 2;
/** One that did not keep us may have been answered long before we heard of it. */
const promisingMillis = 25;
/** So long nobody waits again for a file system that has let us down. */
const distrustMillis = 1000;
/** Files that stay open without a reader; the one that was left longest ago makes room. */
const idleFilesMax = 64;

/** Of all folders, since their descriptors are the process's. */
const idle = new Set<KeptFile>();
let makingRoom: Promise<unknown> | undefined;

/** What `open` opens: where no descriptor is left, the files that stay open for nobody make room.
 * Throws what `open` throws. */
export async function withRoom<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (thrown) {
    if (!isOutOfFiles(thrown) || (idle.size === 0 && !makingRoom)) throw thrown;
    makingRoom ??= Promise.all([...idle].map((file) => file.close())).finally(() => {
      makingRoom = undefined;
    });
    await makingRoom;
    return open();
  }
}

function isOutOfFiles(thrown: unknown): boolean {
  const code = systemCode(thrown instanceof TftpError ? thrown.cause : thrown);
  return code === "EMFILE" || code === "ENFILE";
}

export class OpenFiles {
  readonly #files = new Map<string, KeptFile>();
  readonly #opening = new Map<string, Promise<KeptFile>>();

  /** The file at `path` if it is open and a look at it is known to take no time, or was taken for a
   * request that was heard together with this one. */
  kept(path: string, receipt?: number): Source | undefined {
    const file = this.#files.get(path);
    if (!file?.isQuick || !file.isStillNow(path, receipt)) return undefined;
    file.join();
    return file.source();
  }

  /** The file at `path`: the one that is open if it still is that file, else what `open` opens. */
  async source(path: string, open: () => Promise<Opened>): Promise<Source> {
    const file = (await this.#current(path)) ?? (await this.#openOnce(path, open));
    return file.source();
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
      onIdle: () => rest(file),
      onBusy: () => idle.delete(file),
      onClosed: () => {
        idle.delete(file);
        if (this.#files.get(path) === file) this.#files.delete(path);
      },
    });
    this.#files.set(path, file);
    return file;
  }
}

function rest(file: KeptFile): void {
  idle.add(file);
  for (const oldest of idle) {
    if (idle.size <= idleFilesMax) return;
    void oldest.close();
  }
}

interface Lives {
  readonly onIdle: () => void;
  readonly onBusy: () => void;
  readonly onClosed: () => void;
}

class KeptFile {
  readonly #handle: Opened["handle"];
  readonly #stat: BigIntStats;
  readonly #lives: Lives;
  #readers = 0;
  #looking: Promise<boolean> | undefined;
  #quick = false;
  /** The requests for which it was there, unchanged. */
  #seenFor: number | undefined;
  #slowInARow = 0;
  #distrustedUntil = 0;
  readonly #settledAt: number;
  #version = "";
  #timer: NodeJS.Timeout | undefined;

  constructor({ handle, stat: found }: Opened, lives: Lives) {
    this.#handle = handle;
    this.#stat = found;
    this.#settledAt = Number(found.ctimeMs) + settledMillis;
    this.#lives = lives;
  }

  join(): void {
    this.#readers += 1;
    if (this.#readers === 1) this.#lives.onBusy();
  }

  /** For one reader that has joined. */
  source(): Source {
    // Two changes within one tick of the file system's clock look like one: what was changed just
    // now may change once more and still look the same, so it is not shared yet.
    if (this.#version === "" && Date.now() >= this.#settledAt) this.#version = version(this.#stat);
    return new FileSource(this.#handle, this.#stat, this.#version, () => this.leave());
  }

  leave(): void {
    this.#readers -= 1;
    if (this.#readers > 0) return;
    this.#lives.onIdle();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#readers === 0) void this.close();
    }, keepMillis).unref();
  }

  /** The last look was answered at once, as a local file system does; a network's may hang, and
   * nobody but the one who asks may wait for it. */
  get isQuick(): boolean {
    return this.#quick;
  }

  /** Whether the path still leads to this file, unchanged. */
  isStill(path: string): Promise<boolean> {
    const began = performance.now();
    this.#looking ??= stat(path, { bigint: true })
      .then(
        (now) => this.#isSame(now),
        () => false,
      )
      .finally(() => {
        this.#looking = undefined;
        const now = performance.now();
        this.#quick = now - began < promisingMillis && now >= this.#distrustedUntil;
      });
    return this.#looking;
  }

  /** The same while everything waits. */
  isStillNow(path: string, receipt: number | undefined): boolean {
    if (receipt !== undefined && receipt === this.#seenFor) return true;
    const began = performance.now();
    try {
      const now = statSync(path, { bigint: true, throwIfNoEntry: false });
      const is = now !== undefined && this.#isSame(now);
      this.#seenFor = is ? receipt : undefined;
      return is;
    } catch {
      return false;
    } finally {
      this.#noteLook(began, performance.now());
    }
  }

  /** One slow look may have been a pause of our own. */
  #noteLook(began: number, now: number): void {
    this.#quick = now - began < quickMillis;
    this.#slowInARow = this.#quick ? 0 : this.#slowInARow + 1;
    if (this.#slowInARow > 1) this.#distrustedUntil = now + distrustMillis;
  }

  #isSame(now: BigIntStats): boolean {
    const was = this.#stat;
    return (
      now.ino === was.ino &&
      now.ctimeNs === was.ctimeNs &&
      now.mtimeNs === was.mtimeNs &&
      now.size === was.size &&
      now.dev === was.dev &&
      now.mode === was.mode
    );
  }

  /** Only without readers. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#lives.onClosed();
    await this.#handle.close().catch(() => undefined); // Nothing was written: nothing can be lost.
  }
}

function version({ size, mtimeNs, ctimeNs, dev, ino }: BigIntStats): string {
  return [size, mtimeNs, ctimeNs, dev, ino].join("-");
}
