// Tells packets that came again because ours was lost from those that were under way already. To
// answer the latter would make a Sender repeat its window, over and over (RFC 1123 4.2.3.1). Knows
// only times.

import type { Millis } from "./packet.ts";

const longestMillis = 100;

export class Silence {
  sentAt: Millis = Number.NEGATIVE_INFINITY;
  #heardAt: Millis = Number.NEGATIVE_INFINITY;
  #broken = false;

  handleSent(now: Millis): void {
    this.sentAt = now;
    this.#broken = false;
  }

  /** Something new came. */
  handleNew(now: Millis): void {
    this.#heardAt = now;
  }

  /** Something came again. True when since our last packet there was a silence before it, or before
   * something else that came again. */
  handleRepeat(now: Millis, intervalMillis: Millis): boolean {
    const silentMillis = now - Math.max(this.sentAt, this.#heardAt);
    if (silentMillis >= Math.min(intervalMillis / 2, longestMillis)) this.#broken = true;
    this.#heardAt = now;
    return this.#broken;
  }
}
