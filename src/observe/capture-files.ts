// Writes the captures of ended transfers into a folder: NAME.pcapng and NAME.json. A bounded number
// of files, written one after the other.

import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
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

  /** Creates the folder. Throws TftpError STORAGE. */
  async prepare(): Promise<void> {
    const { folder } = this.#options;
    try {
      await mkdir(folder, { recursive: true });
    } catch (cause) {
      const hint = "Name a folder that can be written with --capture.";
      throw new TftpError("STORAGE", `no captures can be kept in ${folder}`, { hint, cause });
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
      await this.#write(entry).catch((cause: unknown) => {
        const error = new TftpError("STORAGE", "a capture could not be written", { cause });
        this.#options.onProblem(error);
      });
      this.#observer.forgetContent(entry.id);
      this.#waiting -= 1;
    });
  }

  async #write(entry: HistoryEntry): Promise<void> {
    const path = join(this.#options.folder, captureName(entry));
    const capture = this.#observer.capture(entry);
    const timeline = this.#observer.timeline(entry);
    if (!capture || !timeline) return; // so many ended at once that it is forgotten already
    await writeTo(`${path}.pcapng`, capture);
    await writeTo(`${path}.json`, timeline);
    this.#written.push(path);
    const oldest = this.#written.length > (this.#options.filesMax ?? 1000) && this.#written.shift();
    if (oldest) {
      await Promise.all([".pcapng", ".json"].map((end) => rm(oldest + end, { force: true })));
    }
  }
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
