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
  readonly burst?: { readonly beginRatio: number; readonly endRatio: number };
  /** A copy that comes so much later, as after a change of routes. */
  readonly straggler?: { readonly ratio: number; readonly millis: Millis };
  /** From when to when nothing gets through. */
  readonly partitions?: readonly (readonly [from: Millis, to: Millis])[];
  /** How long the line is busy with one packet of size 1; 0: as fast as one likes. */
  readonly busyMillis?: Millis;
  /** How many packets may wait for the line; the rest is lost. */
  readonly queueMax?: number;
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
  readonly #conditions: Conditions;
  readonly #random: Random;
  readonly #faults: LineFaults;
  #freeAt: Millis = 0;
  #inBurst = false;

  constructor(conditions: Conditions, random: Random, faults: LineFaults = noFaults()) {
    this.#conditions = conditions;
    this.#random = random;
    this.#faults = faults;
  }

  /** Calls `arrive` once for each copy that gets through. `size` in units of the largest packet:
   * what the line is busy with. */
  carry(size: number, now: Millis, arrive: (at: Millis) => void): void {
    const { duplicateRatio = 0, straggler, queueMax = Infinity } = this.#conditions;
    const busyMillis = (this.#conditions.busyMillis ?? 0) * size;
    const startsAt = Math.max(now, this.#freeAt);
    if (busyMillis > 0 && (startsAt - now) / busyMillis > queueMax) {
      this.#faults.overflowed += 1;
      return;
    }
    this.#freeAt = startsAt + busyMillis;
    if (this.#loses(now)) return;
    const doubled = this.#random.chance(duplicateRatio);
    arrive(this.#arrival(this.#freeAt));
    if (doubled) {
      this.#faults.doubled += 1;
      arrive(this.#arrival(this.#freeAt));
    }
    if (straggler && this.#random.chance(straggler.ratio)) {
      this.#faults.straggling += 1;
      arrive(this.#arrival(this.#freeAt) + this.#random.upTo(straggler.millis));
    }
  }

  #arrival(from: Millis): Millis {
    const { latencyMillis, jitterMillis = 0 } = this.#conditions;
    return from + latencyMillis + this.#random.upTo(jitterMillis);
  }

  #loses(now: Millis): boolean {
    const { lossRatio = 0, damageRatio = 0, partitions } = this.#conditions;
    const faults = this.#faults;
    if (partitions?.some(([from, to]) => now >= from && now < to)) faults.partitioned += 1;
    else if (this.#bursts()) faults.inBursts += 1;
    else if (this.#random.chance(lossRatio)) faults.lost += 1;
    else if (this.#random.chance(damageRatio)) faults.damaged += 1;
    else return false;
    return true;
  }

  #bursts(): boolean {
    const { burst } = this.#conditions;
    if (!burst) return false;
    const { beginRatio, endRatio } = burst;
    if (this.#inBurst) this.#inBurst = !this.#random.chance(endRatio);
    else this.#inBurst = this.#random.chance(beginRatio);
    return this.#inBurst;
  }
}
