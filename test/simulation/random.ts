// Dice that fall the same way each time: everything that looks like chance comes from a seed.

/** A xorshift generator: small, repeatable, good enough for dice. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** From 0 to less than 1. */
  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 0x1_0000_0000;
  }

  upTo(limit: number): number {
    return limit === 0 ? 0 : this.next() * limit;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  /** Draws nothing for a ratio of 0, so that a clean network leaves other draws alone. */
  chance(ratio: number): boolean {
    return ratio > 0 && this.next() < ratio;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
