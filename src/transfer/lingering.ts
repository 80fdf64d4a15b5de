// What is over and stays only to repeat its last ACK. Each holds a descriptor, so of many the
// oldest go. It must not know what they are.

export class Lingering<T extends object> {
  readonly #all = new Set<T>();
  readonly #most: number;
  readonly #giveUp: (oldest: T) => void;

  constructor(most: number, giveUp: (oldest: T) => void) {
    this.#most = most;
    this.#giveUp = giveUp;
  }

  add(one: T): void {
    this.#all.add(one);
    if (this.#all.size <= this.#most) return;
    const [oldest] = this.#all;
    if (!oldest) return;
    this.#all.delete(oldest);
    this.#giveUp(oldest);
  }

  /** It is gone. */
  delete(one: T): void {
    this.#all.delete(one);
  }
}
