// One direction of a simulated network: packets in with a time, packets out with a time. Everything
// that looks like chance comes from a seed, so a run can be repeated. Knows nothing of TFTP.

import type { Millis } from "../../src/core/packet.ts";

export interface Conditions {
  readonly latencyMillis: Millis;
  /** Each packet takes up to so much longer, so packets overtake each other. */
  readonly jitterMillis?: Millis;
  readonly lossRatio?: number;
  readonly duplicateRatio?: number;
  /** How long the line is busy with one packet of size 1; 0: as fast as one likes. */
  readonly busyMillis?: Millis;
  /** How many packets may wait for the line; the rest is lost. */
  readonly queueMax?: number;
}

export class Network<P> {
  readonly #conditions: Conditions;
  readonly #random: Random;
  readonly #underway = new Heap<P>();
  #lineFreeAt: Millis = 0;

  constructor(conditions: Conditions, random: Random) {
    this.#conditions = conditions;
    this.#random = random;
  }

  /** `size` in units of the largest packet: what the line is busy with. */
  send(packet: P, size: number, now: Millis): void {
    const {
      lossRatio = 0,
      duplicateRatio = 0,
      queueMax = Number.POSITIVE_INFINITY,
    } = this.#conditions;
    const busyMillis = (this.#conditions.busyMillis ?? 0) * size;
    const startsAt = Math.max(now, this.#lineFreeAt);
    if (busyMillis > 0 && (startsAt - now) / busyMillis > queueMax) return;
    this.#lineFreeAt = startsAt + busyMillis;
    if (this.#random.chance(lossRatio)) return;
    const copies = this.#random.chance(duplicateRatio) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) this.#travel(packet, this.#lineFreeAt);
  }

  get nextArrival(): Millis | undefined {
    return this.#underway.earliest;
  }

  /** What has arrived by now, one by one. */
  receive(now: Millis): P | undefined {
    const { earliest } = this.#underway;
    return earliest !== undefined && earliest <= now ? this.#underway.take() : undefined;
  }

  #travel(packet: P, from: Millis): void {
    const { latencyMillis, jitterMillis = 0 } = this.#conditions;
    this.#underway.add(packet, from + latencyMillis + this.#random.upTo(jitterMillis));
  }
}

/** A xorshift generator: small, repeatable, good enough for dice. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** From 0 to less than 1. */
  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 0x1_0000_0000;
  }

  upTo(limit: number): number {
    return limit === 0 ? 0 : this.next() * limit;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Draws nothing for a ratio of 0, so that a clean network leaves other draws alone. */
  chance(ratio: number): boolean {
    return ratio > 0 && this.next() < ratio;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

interface Entry<P> {
  readonly packet: P;
  readonly at: Millis;
  readonly order: number;
}

/** A binary heap; of two packets with one time the first in is the first out. */
class Heap<P> {
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
