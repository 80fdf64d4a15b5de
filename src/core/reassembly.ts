// Puts the blocks of a window in order: early ones are kept until what they overtook is here.

import type { BlockNumber } from "./packet.ts";

export class Reassembly {
  /** Handed over so far; -1 before the opening is answered. */
  received: BlockNumber;
  /** The block that is shorter than the others, once it was seen. */
  last: BlockNumber | undefined;
  /** On this path blocks overtake each other. */
  overtaken = false;
  #highest: BlockNumber = 0;
  readonly #early = new Map<BlockNumber, Uint8Array>();

  constructor(received: BlockNumber) {
    this.received = received;
  }

  get complete(): boolean {
    return this.received === this.last;
  }

  knows(block: BlockNumber): boolean {
    return block <= this.received || this.#early.has(block);
  }

  /** From here on a lower block than before is a repeated one, not one that was overtaken. */
  beginWindow(): void {
    this.#highest = 0;
  }

  /** No block has come before its turn. */
  get inOrder(): boolean {
    return this.#early.size === 0;
  }

  /** Takes an unknown block; returns the payloads that are now in order. */
  take(block: BlockNumber, payload: Uint8Array): readonly Uint8Array[] {
    if (block < this.#highest) this.overtaken = true;
    else this.#highest = block;
    if (block !== this.received + 1) {
      this.#early.set(block, payload);
      return [];
    }
    this.received = block;
    if (this.#early.size === 0) return [payload];
    const payloads = [payload];
    while (!this.complete) {
      const next = this.#early.get(this.received + 1);
      if (!next) break;
      this.received += 1;
      this.#early.delete(this.received);
      payloads.push(next);
    }
    return payloads;
  }
}
