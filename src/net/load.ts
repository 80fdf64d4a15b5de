// Whether this process has time to spare. Knows no sockets.

import { performance } from "node:perf_hooks";

const lookMillis = 20;
/** Who is about to have more to do than one processor can, is late now and then. */
const busyShare = 0.75;

export class Load {
  readonly #now: () => number;
  readonly #usedSoFar: () => number;
  #at = 0;
  #used = 0;
  #isHigh = false;

  /** `now`: the time; `used`: the processor time of this process; both in milliseconds. */
  constructor(now: () => number = () => performance.now(), used: () => number = usedMillis) {
    this.#now = now;
    this.#usedSoFar = used;
  }

  /** Of the last moments. Processor time alone counts, for who waits in a call of the system for
   * what is about to come is not busy. */
  get isHigh(): boolean {
    const now = this.#now();
    const elapsed = now - this.#at;
    if (elapsed < lookMillis) return this.#isHigh;
    const used = this.#usedSoFar();
    this.#isHigh = used - this.#used > busyShare * elapsed;
    this.#at = now;
    this.#used = used;
    return this.#isHigh;
  }
}

function usedMillis(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
