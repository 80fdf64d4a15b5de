// Writes the captures of ended transfers into a folder: NAME.pcapng and NAME.json. A bounded number
// of files, written one after the other.

import { constants, createWriteStream } from "node:fs";
import { access, mkdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TftpError } from "../core/errors.ts";
import type { HistoryEntry } from "./history.ts";
import type { Observer } from "./observer.ts";

export interface CaptureOptions {
  readonly folder: string;
  readonly which: "failures" | "all";
  readonly onProblem: (error: TftpError) => void;
  /** Of this run; the oldest are deleted. Default 1000. */
  readonly filesMax?: number;
}

const waitingMax = 100;

export class CaptureFiles {
  readonly #observer: Observer;
  readonly #options: CaptureOptions;
  readonly #written: string[] = [];
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(observer: Observer, options: CaptureOptions) {
    this.#observer = observer;
    this.#options = options;
    observer.onEnded(({ entry }) => this.#take(entry));
  }

  /** Creates the folder, with the rights that it will be written with. Throws TftpError STORAGE. */
  async prepare(): Promise<void> {
    const { folder } = this.#options;
    try {
      await makeFolder(folder);
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (cause) {
      const message = `no captures can be kept in ${folder} (${(cause as { code?: string }).code})`;
      const hint = "Name a folder with --capture that the server's account can write.";
      throw new TftpError("STORAGE", message, { hint, cause });
    }
  }

  /** Resolves when everything so far is written. */
  async idle(): Promise<void> {
    await this.#last;
  }

  #take(entry: HistoryEntry): void {
    const failed = entry.outcome === "failed" || entry.outcome === "aborted";
    const wanted = entry.localHost !== null && (failed || this.#options.which === "all");
    if (!wanted || this.#waiting >= waitingMax) {
      this.#observer.forgetContent(entry.id);
      return;
    }
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      await this.#write(entry).catch((error: TftpError) => this.#options.onProblem(error));
      this.#observer.forgetContent(entry.id);
      this.#waiting -= 1;
    });
  }

  /** Throws TftpError STORAGE. */
  async #write(entry: HistoryEntry): Promise<void> {
    const { folder, filesMax = 1000 } = this.#options;
    const path = join(folder, captureName(entry));
    const capture = this.#observer.capture(entry);
    const timeline = this.#observer.timeline(entry);
    if (!capture || !timeline) return; // so many ended at once that it is forgotten already
    try {
      await makeFolder(folder); // it may have been cleared away
      await writeTo(`${path}.pcapng`, capture);
      await writeTo(`${path}.json`, timeline);
    } catch (cause) {
      await remove(path).catch(() => {});
      throw trouble(path, "written", cause);
    }
    this.#written.push(path);
    const oldest = this.#written.length > filesMax ? this.#written.shift() : undefined;
    if (oldest === undefined) return;
    await remove(oldest).catch((cause: unknown) => {
      throw trouble(oldest, "deleted", cause);
    });
  }
}

function trouble(path: string, what: string, cause: unknown): TftpError {
  const hint = "Make room there, and look at the rights of the folder.";
  return new TftpError("STORAGE", `the capture ${path} cannot be ${what}`, { hint, cause });
}

async function remove(path: string): Promise<void> {
  await Promise.all([".pcapng", ".json"].map((end) => rm(path + end, { force: true })));
}

/** With those it is in. Node's own `recursive` never ends in a file system that takes no folders,
 * such as /proc. */
async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path).catch(async (thrown: unknown) => {
    if (!(await isFolder(path))) throw thrown; // else another worker was quicker
  });
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

/** Writes pieces to a new or emptied file. */
export async function writeTo(path: string, pieces: Iterable<Uint8Array | string>): Promise<void> {
  await pipeline(Readable.from(pieces), createWriteStream(path));
}

/** Sorts by time, and holds nothing that a file system or a shell could take for something else. */
export function captureName(entry: HistoryEntry): string {
  const time = new Date(entry.startedAt).toISOString().replace(/\.\d+Z$/, "Z");
  const parts = [time, entry.id, entry.client, entry.op, entry.filename, entry.outcome];
  return parts.map((part) => part.replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 60)).join("_");
}
