// How many transfers there are, in all and for each client, and whether there is room for more.
// Knows nothing else of them.

import type { Limits } from "./limits.ts";

/** What one transfer takes up. */
export interface Seat {
  readonly host: string;
  state: "opening" | "running" | "left";
}

export class Occupancy {
  readonly #limits: Limits;
  readonly #perClient = new Map<string, number>();
  #admitted = 0;
  #started = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Those whose content is still being opened, too. */
  get admitted(): number {
    return this.#admitted;
  }

  get opening(): number {
    return this.#admitted - this.#started;
  }

  get isFull(): boolean {
    return this.#admitted >= this.#limits.transfersMax;
  }

  isFullFor(host: string): boolean {
    return this.isFull || (this.#perClient.get(host) ?? 0) >= this.#limits.transfersMaxPerClient;
  }

  enter(host: string): Seat {
    this.#admitted += 1;
    this.#perClient.set(host, (this.#perClient.get(host) ?? 0) + 1);
    return { host, state: "opening" };
  }

  begin(seat: Seat): void {
    this.#started += 1;
    seat.state = "running";
  }

  /** Once. */
  leave(seat: Seat): void {
    this.#admitted -= 1;
    if (seat.state === "running") this.#started -= 1;
    seat.state = "left";
    const { host } = seat;
    const left = (this.#perClient.get(host) ?? 0) - 1;
    if (left > 0) this.#perClient.set(host, left);
    else this.#perClient.delete(host);
  }
}
