// Virtual time: it stands still while anything runs, and jumps to the next event.

import type { Millis } from "../../src/core/packet.ts";
import type { Clock } from "../../src/ports.ts";
import { Heap, type Timed } from "./heap.ts";

interface Event extends Timed {
  /** Undefined: it has come, or was taken back. */
  run: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  /** Events that are still to come, without those that were taken back. */
  pending = 0;
  /** How many events have come. */
  steps = 0;
  readonly #events = new Heap<Event>();
  #now: Millis = 0;

  now(): Millis {
    return this.#now;
  }

  at(deadline: Millis, wake: () => void): () => void {
    const event = this.#add(deadline, wake);
    return () => {
      if (event.run) this.pending -= 1;
      event.run = undefined;
    };
  }

  soon(run: () => void): void {
    this.#add(this.#now, run);
  }

  /** As `at`, for what is never taken back. */
  add(deadline: Millis, run: () => void): void {
    this.#add(deadline, run);
  }

  after(millis: Millis): Promise<void> {
    return new Promise((resolve) => this.#add(this.#now + millis, resolve));
  }

  #add(deadline: Millis, run: () => void): Event {
    const event: Event = { at: Math.max(deadline, this.#now), order: 0, run };
    this.#events.add(event);
    this.pending += 1;
    return event;
  }

  /** Runs the next event. False when there is none. */
  step(): boolean {
    for (;;) {
      const event = this.#events.take();
      if (event === undefined) return false;
      const { run } = event;
      if (!run) continue;
      event.run = undefined;
      this.pending -= 1;
      this.steps += 1;
      this.#now = event.at;
      run();
      return true;
    }
  }
}
