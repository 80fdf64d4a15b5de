// One direction of a simulated network: packets in with a time, packets out with a time. Knows
// nothing of TFTP.

import type { Millis } from "../../src/core/packet.ts";
import { Heap, type Timed } from "./heap.ts";
import { type Conditions, Line, type LineFaults } from "./line.ts";
import type { Random } from "./random.ts";

interface Underway<P> extends Timed {
  readonly packet: P;
}

export class Network<P> {
  readonly #line: Line;
  readonly #underway = new Heap<Underway<P>>();

  constructor(conditions: Conditions, random: Random, faults?: LineFaults) {
    this.#line = new Line(conditions, random, faults);
  }

  /** `size` in units of the largest packet: what the line is busy with. */
  send(packet: P, size: number, now: Millis): void {
    const { arrivals } = this.#line;
    const copies = this.#line.carry(size, now);
    for (let copy = 0; copy < copies; copy++) {
      this.#underway.add({ packet, at: arrivals[copy] as Millis, order: 0 });
    }
  }

  get nextArrival(): Millis | undefined {
    return this.#underway.earliest;
  }

  /** What has arrived by now, one by one. */
  receive(now: Millis): P | undefined {
    const { earliest } = this.#underway;
    return earliest !== undefined && earliest <= now ? this.#underway.take()?.packet : undefined;
  }
}
