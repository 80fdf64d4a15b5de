// One direction of a simulated network: packets in with a time, packets out with a time. Knows
// nothing of TFTP.

import type { Millis } from "../../src/core/packet.ts";
import { Heap } from "./heap.ts";
import { type Conditions, Line, type LineFaults } from "./line.ts";
import type { Random } from "./random.ts";

export class Network<P> {
  readonly #line: Line;
  readonly #underway = new Heap<P>();

  constructor(conditions: Conditions, random: Random, faults?: LineFaults) {
    this.#line = new Line(conditions, random, faults);
  }

  /** `size` in units of the largest packet: what the line is busy with. */
  send(packet: P, size: number, now: Millis): void {
    this.#line.carry(size, now, (at) => this.#underway.add(packet, at));
  }

  get nextArrival(): Millis | undefined {
    return this.#underway.earliest;
  }

  /** What has arrived by now, one by one. */
  receive(now: Millis): P | undefined {
    const { earliest } = this.#underway;
    return earliest !== undefined && earliest <= now ? this.#underway.take() : undefined;
  }
}
