// Who is here, by address and port, where thousands come and go. It must not know what for.

import { textHash } from "../core/text-hash.ts";
import type { Address } from "../ports.ts";
import { Chain, type Link } from "./chain.ts";

/** Of this process: who knew it could put all whom he claims to be into one chain, and make each
 * look for a peer a long one. The order of what is here does not depend on it. */
const secret: number = Math.floor(Math.random() * 2 ** 32);

/** A small number for each TID of each host; two of them may have the same. */
export function markOf({ host, port }: Address): number {
  const hash = Math.imul(textHash(host, secret) ^ port, 0x85ebca6b);
  return (hash ^ (hash >>> 15)) & 0x3fff_ffff;
}

export interface Entry<T> extends Link<T> {
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
  readonly #all = new Chain<T>();
  #heads: (T | undefined)[] = new Array(headsMin).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(peer: Address, mark: number = markOf(peer)): T | undefined {
    const { host, port } = peer;
    let entry = this.#heads[this.#headOf(mark)];
    while (entry && (entry.mark !== mark || entry.peer.port !== port || entry.peer.host !== host)) {
      entry = entry.next;
    }
    return entry;
  }

  /** Returns who was there for the same peer, and is there no more. */
  set(entry: T): T | undefined {
    const former = this.get(entry.peer, entry.mark);
    if (former) this.delete(former);
    if (this.#size >= this.#heads.length) this.#grow();
    this.#put(entry);
    this.#all.add(entry);
    this.#size += 1;
    return former;
  }

  /** False: it was not there. */
  delete(entry: T): boolean {
    const head = this.#headOf(entry.mark);
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
    this.#all.delete(at);
    this.#size -= 1;
    return true;
  }

  /** In the order in which they came; some may leave meanwhile. */
  values(): T[] {
    return this.#all.values();
  }

  #headOf(mark: number): number {
    return mark & (this.#heads.length - 1);
  }

  #put(entry: T): void {
    const head = this.#headOf(entry.mark);
    entry.next = this.#heads[head];
    this.#heads[head] = entry;
  }

  #grow(): void {
    this.#heads = new Array(2 * this.#heads.length).fill(undefined);
    for (const entry of this.#all.values()) this.#put(entry);
  }
}
