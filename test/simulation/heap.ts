// What is to happen, in the order of time. Knows not what it holds.

import type { Millis } from "../../src/core/packet.ts";

export interface Timed {
  readonly at: Millis;
  /** Set by the heap: of two with one time the first in is the first out. */
  order: number;
}

/** A binary heap. */
export class Heap<E extends Timed> {
  readonly #entries: E[] = [];
  #order = 0;

  get earliest(): Millis | undefined {
    return this.#entries.length === 0 ? undefined : (this.#entries[0] as E).at;
  }

  add(entry: E): void {
    const entries = this.#entries;
    entry.order = this.#order++;
    let hole = entries.push(entry) - 1;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = entries[parent] as E;
      if (above.at <= entry.at) break;
      entries[hole] = above;
      hole = parent;
    }
    entries[hole] = entry;
  }

  take(): E | undefined {
    const entries = this.#entries;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return last;
    const taken = entries[0] as E;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && this.#before(child + 1, child)) child += 1;
      const below = entries[child] as E;
      if (below.at > last.at || (below.at === last.at && below.order > last.order)) break;
      entries[hole] = below;
      hole = child;
    }
    entries[hole] = last;
    return taken;
  }

  #before(left: number, right: number): boolean {
    const a = this.#entries[left] as E;
    const b = this.#entries[right] as E;
    return a.at === b.at ? a.order < b.order : a.at < b.at;
  }
}
