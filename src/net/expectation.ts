// How many datagrams to ask the kernel for. It looks for one more than there is, unless it has
// found as many as it was asked for: so in lock-step with one peer it is asked for one, and rarely
// for more.

import { Trial } from "./trial.ts";

export class Expectation {
  readonly #most: number;
  readonly #asksMore = new Trial();
  #count = 1;

  /** `most`: of one call. */
  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** So many came. */
  told(came: number): void {
    const asked = this.#count;
    if (asked === 1) {
      if (came === 1 && this.#asksMore.isDue()) this.#count = 2;
      return;
    }
    this.#asksMore.told(came > 1);
    this.#count = came < asked ? Math.max(1, came) : Math.min(2 * asked, this.#most);
  }
}
