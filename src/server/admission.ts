// Lets requests in, or has them wait: for a place, or for the end of a rush. While more arrives
// than can be answered few at a time are served: of thousands in turns each finds the processor's
// memory full of the others, and all of them are done later.

import type { Millis } from "../core/packet.ts";
import type { Clock } from "../ports.ts";
import type { Limits } from "./limits.ts";
import { Occupancy, type Seat } from "./occupancy.ts";
import { AdmissionQueue } from "./queue.ts";
import type { Admitted } from "./server-parts.ts";
import { waitingFor } from "./waiting.ts";

/** No request waits longer although there is a place: then most clients begin to ask again. */
const heldMillis: Millis = 1000;
/** Where none has ended while it waited so long, they are long ones, and to wait is in vain. */
const vainMillis: Millis = 200;
/** The rush may be over although no transfer ends. */
const againMillis: Millis = 20;

export interface AdmissionParts {
  readonly clock: Clock;
  readonly limits: Limits;
  /** Whether more arrives than can be answered. */
  readonly isRush: () => boolean;
  readonly admit: (admitted: Admitted) => void;
  /** It will not be served. */
  readonly drop: (admitted: Admitted) => void;
}

export class Admission {
  readonly occupancy: Occupancy;
  readonly queue: AdmissionQueue<Admitted>;
  readonly #parts: AdmissionParts;
  #admitting = false;
  #endedAt: Millis = Number.NEGATIVE_INFINITY;
  #looksAgain = false;

  constructor(parts: AdmissionParts) {
    const { limits, drop } = parts;
    this.#parts = parts;
    this.occupancy = new Occupancy(limits);
    this.queue = new AdmissionQueue(limits.queueMax, drop);
  }

  /** True: there was no place for it. */
  add(admitted: Admitted): boolean {
    const { admit, drop, clock } = this.#parts;
    if (this.queue.size > 0) this.admitWaiting(); // whoever waits for nothing any more is first
    const isFull = this.occupancy.isFullFor(admitted.info.client.host);
    // A rush must not cost anybody his turn in the queue.
    const waits = isFull || (!this.queue.isFull && this.#isHeld());
    if (!waits) admit(admitted);
    else if (!this.queue.add(waitingFor(admitted), clock.now())) drop(admitted);
    return isFull;
  }

  /** Once for each that was let in. */
  leave(seat: Seat): void {
    this.occupancy.leave(seat);
    this.#endedAt = this.#parts.clock.now();
  }

  /** There may be places. What begins may end at once, and free its own: one loop does for all. */
  admitWaiting(): void {
    if (this.#admitting) return;
    this.#admitting = true;
    const mayRun = (host: string): boolean => !this.occupancy.isFullFor(host);
    try {
      while (this.queue.size > 0 && !this.occupancy.isFull && !this.#isHeld()) {
        const next = this.queue.take(this.#parts.clock.now(), mayRun);
        if (!next) break;
        this.#parts.admit(next);
      }
    } finally {
      this.#admitting = false;
    }
  }

  /** Whether the next one waits until one that was let in ends, although there is a place. */
  #isHeld(): boolean {
    const { limits, clock, isRush } = this.#parts;
    if (this.occupancy.admitted < limits.rushTransfersMax || !isRush()) return false;
    const now = clock.now();
    const since = this.queue.since ?? now;
    if (now - since >= heldMillis || now - Math.max(since, this.#endedAt) >= vainMillis)
      return false;
    this.#lookAgain(now);
    return true;
  }

  #lookAgain(now: Millis): void {
    if (this.#looksAgain) return;
    this.#looksAgain = true;
    this.#parts.clock.at(now + againMillis, () => {
      this.#looksAgain = false;
      this.admitWaiting();
    });
  }
}
