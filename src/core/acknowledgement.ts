// What a Receiver says and repeats: its last acknowledgement, at first the opening; and what it
// owes. Tells packets that came again because ours was lost from those that were under way already:
// to answer the latter would make a Sender repeat its window, over and over (RFC 1123 4.2.3.1).

import { toWire } from "./block-number.ts";
import type { Rollover } from "./options.ts";
import { type BlockNumber, encodeAck, type Millis } from "./packet.ts";

const longestSilenceMillis = 100;

export class Acknowledgement {
  block: BlockNumber;
  /** What is said now was said before. */
  repeated = false;
  /** An ACK of this block is owed as soon as the block is stored. */
  due: BlockNumber | undefined;
  sentAt: Millis = Number.NEGATIVE_INFINITY;
  #datagram: Uint8Array;
  #toSend = true;
  #dueAt: Millis = 0;
  #heardAt: Millis = Number.NEGATIVE_INFINITY;
  #silenceBroken = false;

  constructor(opening: Uint8Array, block: BlockNumber) {
    this.#datagram = opening;
    this.block = block;
  }

  /** Not before `at`. */
  owe(block: BlockNumber, at: Millis): void {
    this.due = block;
    this.#dueAt = at;
  }

  isDue(stored: BlockNumber, now: Millis): boolean {
    return this.due !== undefined && stored >= this.due && now >= this.#dueAt;
  }

  say(block: BlockNumber, rollover: Rollover): void {
    this.due = undefined;
    this.repeated = block === this.block;
    this.block = block;
    this.#datagram = encodeAck(toWire(block, rollover));
    this.#toSend = true;
  }

  repeat(): void {
    this.repeated = this.#toSend = true;
  }

  /** Once, if it is to go out. */
  take(now: Millis): Uint8Array | undefined {
    if (!this.#toSend) return undefined;
    this.#toSend = false;
    this.sentAt = now;
    this.#silenceBroken = false;
    return this.#datagram;
  }

  /** Something new came. */
  handleNew(now: Millis): void {
    this.#heardAt = now;
  }

  /** Something came again. True when since our last packet there was a silence before it, or before
   * something else that came again: ours was lost. */
  isLost(now: Millis, intervalMillis: Millis): boolean {
    const silentMillis = now - Math.max(this.sentAt, this.#heardAt);
    if (silentMillis >= Math.min(intervalMillis / 2, longestSilenceMillis)) {
      this.#silenceBroken = true;
    }
    this.#heardAt = now;
    return this.#silenceBroken;
  }
}
