// Virtual time: it stands still while anything runs, and jumps to the next event.

import type { Millis } from "../../src/core/packet.ts";
import type { Clock } from "../../src/ports.ts";
import { Heap } from "./heap.ts";

interface Event {
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
    const event: Event = { run: wake };
    this.#events.add(event, Math.max(deadline, this.#now));
    this.pending += 1;
    return () => {
      if (event.run) this.pending -= 1;
      event.run = undefined;
    };
  }

  soon(run: () => void): void {
    this.at(this.#now, run);
  }

  after(millis: Millis): Promise<void> {
    return new Promise((resolve) => this.at(this.#now + millis, resolve));
  }

  /** Runs the next event. False when there is none. */
  step(): boolean {
    for (;;) {
      const at = this.#events.earliest;
      const event = this.#events.take();
      if (!event || at === undefined) return false;
      const { run } = event;
      if (!run) continue;
      event.run = undefined;
      this.pending -= 1;
      this.steps += 1;
      this.#now = at;
      run();
      return true;
    }
  }
}
