// Whose turn is next. Every transfer that has more to send gets one bounded turn in each round, and
// the network is heard between rounds; so none starves.

import type { Millis } from "../core/packet.ts";
import type { Clock } from "../ports.ts";
import { Deadlines, type Timed } from "./deadlines.ts";

export interface Task extends Timed {
  /** Does at most one batch of work. True: give me another turn. */
  turn(now: Millis): boolean;
}

export class Scheduler {
  readonly clock: Clock;
  readonly #ready = new Set<Task>();
  readonly #deadlines = new Deadlines<Task>();
  #roundPending = false;
  #armedFor: Millis = Number.POSITIVE_INFINITY;
  #disarm: () => void = () => {};

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** A turn at once: for what has just arrived. */
  run(task: Task, now: Millis = this.clock.now()): void {
    this.#give(task, now);
    this.#arm();
  }

  /** Its deadline may have come nearer; it needs no turn. */
  watch(task: Task): void {
    this.#deadlines.watch(task);
    this.#arm();
  }

  #give(task: Task, now: Millis, notBefore?: Millis): void {
    if (task.turn(now)) {
      this.#ready.add(task);
      this.#planRound();
    }
    this.#deadlines.watch(task, notBefore);
  }

  #planRound(): void {
    if (this.#roundPending) return;
    this.#roundPending = true;
    this.clock.soon(() => {
      this.#roundPending = false;
      this.#round();
    });
  }

  #round(): void {
    const now = this.clock.now();
    let left = this.#ready.size; // whoever wants another turn waits for the next round
    for (const task of this.#ready) {
      if (left-- === 0) break;
      this.#ready.delete(task);
      this.#give(task, now);
    }
    this.#arm();
  }

  #arm(): void {
    const earliest = this.#deadlines.earliest;
    if (earliest === undefined || earliest >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = earliest;
    this.#disarm = this.clock.at(earliest, () => {
      this.#armedFor = Number.POSITIVE_INFINITY;
      const now = this.clock.now();
      for (let task = this.#deadlines.takeExpired(now); task; ) {
        // One whose deadline its turn did not move must not have this one loop for ever.
        this.#give(task, now, now + 1);
        task = this.#deadlines.takeExpired(now);
      }
      this.#arm();
    });
  }
}
