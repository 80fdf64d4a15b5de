// One direction of a line as it treats packets: which are lost, doubled or late, and when each copy
// arrives. Everything is drawn from a seed. Knows nothing of TFTP and holds no packets.

import type { Millis } from "../../src/core/packet.ts";
import type { Random } from "./random.ts";

export interface Conditions {
  readonly latencyMillis: Millis;
  /** Each packet takes up to so much longer, so packets overtake each other. */
  readonly jitterMillis?: Millis;
  readonly lossRatio?: number;
  readonly duplicateRatio?: number;
  /** Damaged on the way: the UDP checksum is wrong, and the receiving system drops it. */
  readonly damageRatio?: number;
  /** How likely a packet begins a burst of losses, and ends one. */
  readonly burst?: { readonly beginRatio: number; readonly endRatio: number } | undefined;
  /** A copy that comes so much later, as after a change of routes. */
  readonly straggler?: { readonly ratio: number; readonly millis: Millis } | undefined;
  /** From when to when nothing gets through. */
  readonly partitions?: readonly (readonly [from: Millis, to: Millis])[] | undefined;
  /** How long the line is busy with one packet of size 1; 0: as fast as one likes. */
  readonly busyMillis?: Millis;
  /** How many packets may wait for the line; the rest is lost. */
  readonly queueMax?: number | undefined;
}

/** What was done to packets. */
export interface LineFaults {
  lost: number;
  damaged: number;
  inBursts: number;
  partitioned: number;
  doubled: number;
  straggling: number;
  overflowed: number;
}

export function noFaults(): LineFaults {
  return {
    lost: 0,
    damaged: 0,
    inBursts: 0,
    partitioned: 0,
    doubled: 0,
    straggling: 0,
    overflowed: 0,
  };
}

export class Line {
  /** When the copies of the last packet arrive; good until the next one is carried. */
  readonly arrivals: Millis[] = [0, 0, 0];
  readonly #conditions: Conditions;
  readonly #random: Random;
  readonly #faults: LineFaults;
  #copies = 0;
  #freeAt: Millis = 0;
  #inBurst = false;

  constructor(conditions: Conditions, random: Random, faults: LineFaults = noFaults()) {
    this.#conditions = conditions;
    this.#random = random;
    this.#faults = faults;
  }

  /** Returns how many copies get through. `size` in units of the largest packet: what the line is
   * busy with. */
  carry(size: number, now: Millis): number {
    const { duplicateRatio = 0, straggler, queueMax = Infinity } = this.#conditions;
    const busyMillis = (this.#conditions.busyMillis ?? 0) * size;
    const startsAt = Math.max(now, this.#freeAt);
    this.#copies = 0;
    if (busyMillis > 0 && (startsAt - now) / busyMillis > queueMax) {
      this.#faults.overflowed += 1;
      return 0;
    }
    this.#freeAt = startsAt + busyMillis;
    if (this.#loses(now)) return 0;
    const doubled = this.#random.chance(duplicateRatio);
    this.#arrive(0);
    if (doubled) {
      this.#faults.doubled += 1;
      this.#arrive(0);
    }
    if (straggler && this.#random.chance(straggler.ratio)) {
      this.#faults.straggling += 1;
      this.#arrive(straggler.millis);
    }
    return this.#copies;
  }

  #arrive(lateMillis: Millis): void {
    const { latencyMillis, jitterMillis = 0 } = this.#conditions;
    const jitter = this.#random.upTo(jitterMillis);
    const late = this.#random.upTo(lateMillis);
    this.arrivals[this.#copies++] = this.#freeAt + latencyMillis + jitter + late;
  }

  #loses(now: Millis): boolean {
    const { lossRatio = 0, damageRatio = 0, partitions, burst } = this.#conditions;
    const faults = this.#faults;
    if (partitions !== undefined && isWithin(partitions, now)) faults.partitioned += 1;
    else if (burst !== undefined && this.#bursts(burst)) faults.inBursts += 1;
    else if (this.#random.chance(lossRatio)) faults.lost += 1;
    else if (this.#random.chance(damageRatio)) faults.damaged += 1;
    else return false;
    return true;
  }

  #bursts({ beginRatio, endRatio }: NonNullable<Conditions["burst"]>): boolean {
    if (this.#inBurst) this.#inBurst = !this.#random.chance(endRatio);
    else this.#inBurst = this.#random.chance(beginRatio);
    return this.#inBurst;
  }
}

function isWithin(partitions: NonNullable<Conditions["partitions"]>, now: Millis): boolean {
  for (const [from, to] of partitions) if (now >= from && now < to) return true;
  return false;
}
