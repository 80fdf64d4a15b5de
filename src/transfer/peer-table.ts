// Who is here, by address and port, where thousands come and go. It must not know what for.

import { textHash } from "../core/text-hash.ts";
import type { Address } from "../ports.ts";

/** A small number for each TID of each host; two of them may have the same. */
export function markOf({ host, port }: Address): number {
  return textHash(host, port) & 0x3fff_ffff;
}

export interface Entry<T> {
  readonly peer: Address;
  /** Of the peer. */
  readonly mark: number;
  /** Kept here by the table: another one with the same place in it. */
  next: T | undefined;
}

const headsMin = 64;

/** A Map in which many come and go is rebuilt again and again. Each state of it that has lived long
 * keeps the next one in memory, with all that it held, until V8 collects everything. Here the
 * entries themselves are chained, and nothing is left behind. */
export class PeerTable<T extends Entry<T>> {
  #heads: (T | undefined)[] = new Array(headsMin).fill(undefined);
  #size = 0;
  #first = 0;

  get size(): number {
    return this.#size;
  }

  get(peer: Address): T | undefined {
    const { host, port } = peer;
    const mark = markOf(peer);
    let entry = this.#heads[mark & (this.#heads.length - 1)];
    while (entry && (entry.mark !== mark || entry.peer.port !== port || entry.peer.host !== host)) {
      entry = entry.next;
    }
    return entry;
  }

  /** Whoever was there for the same peer is there no more. */
  set(entry: T): void {
    const former = this.get(entry.peer);
    if (former) this.delete(former);
    if (this.#size >= this.#heads.length) this.#grow();
    this.#put(entry);
    this.#size += 1;
  }

  /** False: it was not there. */
  delete(entry: T): boolean {
    const head = entry.mark & (this.#heads.length - 1);
    let before: T | undefined;
    let at = this.#heads[head];
    while (at && at !== entry) {
      before = at;
      at = at.next;
    }
    if (!at) return false;
    if (before) before.next = at.next;
    else this.#heads[head] = at.next;
    at.next = undefined;
    this.#size -= 1;
    return true;
  }

  /** Each time another one may come first. */
  values(): T[] {
    const all: T[] = [];
    const { length } = this.#heads;
    this.#first += 1;
    for (let at = 0; at < length; at++) {
      let entry = this.#heads[(this.#first + at) & (length - 1)];
      for (; entry; entry = entry.next) all.push(entry);
    }
    return all;
  }

  #put(entry: T): void {
    const head = entry.mark & (this.#heads.length - 1);
    entry.next = this.#heads[head];
    this.#heads[head] = entry;
  }

  #grow(): void {
    const all = this.values();
    this.#heads = new Array(2 * this.#heads.length).fill(undefined);
    for (const entry of all) this.#put(entry);
  }
}
