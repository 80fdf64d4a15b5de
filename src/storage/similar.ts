// Finds a file whose name differs only by case or folder from one that is missing. For hints in
// logs, never for serving: a client hears of none of these names.

import { readdir } from "node:fs/promises";
import { join } from "node:path";

const entriesMax = 5000;
const depthMax = 8;
const keptMillis = 10_000;
/** No client waits longer for our hint. */
const patienceMillis = 50;

export class SimilarNames {
  readonly #top: string;
  readonly #dotFiles: boolean;
  #index: Promise<Index> | undefined;
  #readAt = 0;

  constructor(top: string, dotFiles: boolean) {
    this.#top = top;
    this.#dotFiles = dotFiles;
  }

  /** A sentence for the log, where there is such a file. Never throws. */
  async hint(segments: readonly string[]): Promise<string | undefined> {
    const index = await this.#current();
    const wanted = segments.join("/");
    const last = segments.at(-1) ?? "";
    const candidates = index?.get(last.toLowerCase()) ?? [];
    const byCase = candidates.find((path) => path.toLowerCase() === wanted.toLowerCase());
    const byName = candidates.find((path) => path === last || path.endsWith(`/${last}`));
    const path = byCase ?? byName ?? candidates[0];
    if (path === undefined || path === wanted) return undefined;
    const difference = byCase ? "only the case differs" : "it lies in another folder";
    return `There is ${JSON.stringify(path)}: ${difference}.`;
  }

  async #current(): Promise<Index | undefined> {
    const now = performance.now();
    if (!this.#index || now - this.#readAt > keptMillis) {
      this.#readAt = now;
      this.#index = readIndex(this.#top, this.#dotFiles);
    }
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<undefined>((late) => {
      timer = setTimeout(() => late(undefined), patienceMillis);
    });
    const index = await Promise.race([this.#index, tooLate]);
    clearTimeout(timer);
    return index;
  }
}

/** Paths below the root by their last segment in lower case. */
type Index = ReadonlyMap<string, readonly string[]>;

/** Breadth first, so that a bound leaves out what lies deepest. Links are not followed. */
async function readIndex(top: string, dotFiles: boolean): Promise<Index> {
  const index = new Map<string, string[]>();
  const folders: string[][] = [[]];
  let left = entriesMax;
  for (let folder = folders.shift(); folder && left > 0; folder = folders.shift()) {
    const entries = await readdir(join(top, ...folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.slice(0, left)) {
      left -= 1;
      if (entry.name.startsWith(".") && !dotFiles) continue;
      const path = [...folder, entry.name];
      if (entry.isDirectory()) {
        if (path.length < depthMax) folders.push(path);
      } else if (entry.isFile()) {
        const key = entry.name.toLowerCase();
        index.set(key, [...(index.get(key) ?? []), path.join("/")]);
      }
    }
  }
  return index;
}
