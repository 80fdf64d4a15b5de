// What is to happen, in the order of time. Knows not what it holds.

import type { Millis } from "../../src/core/packet.ts";

interface Entry<P> {
  readonly packet: P;
  readonly at: Millis;
  readonly order: number;
}

/** A binary heap; of two packets with one time the first in is the first out. */
export class Heap<P> {
  readonly #entries: Entry<P>[] = [];
  #order = 0;

  get earliest(): Millis | undefined {
    return this.#entries[0]?.at;
  }

  add(packet: P, at: Millis): void {
    const entries = this.#entries;
    let index = entries.push({ packet, at, order: this.#order++ }) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  take(): P | undefined {
    const entries = this.#entries;
    if (entries.length === 0) return undefined;
    this.#swap(0, entries.length - 1);
    const taken = entries.pop() as Entry<P>;
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < entries.length && this.#before(child, least)) least = child;
      }
      if (least === index) return taken.packet;
      this.#swap(index, least);
      index = least;
    }
  }

  #before(left: number, right: number): boolean {
    const a = this.#entries[left] as Entry<P>;
    const b = this.#entries[right] as Entry<P>;
    return a.at === b.at ? a.order < b.order : a.at < b.at;
  }

  #swap(left: number, right: number): void {
    const entry = this.#entries[left] as Entry<P>;
    this.#entries[left] = this.#entries[right] as Entry<P>;
    this.#entries[right] = entry;
  }
}
