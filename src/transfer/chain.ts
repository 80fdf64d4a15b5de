// What comes and goes by the thousand, in the order in which it came. It must not know what it is.

export interface Link<T> {
  /** Kept here by the chain. */
  before: T | undefined;
  after: T | undefined;
}

/** Who leaves leaves nothing behind, as it would in a Map or a Set (see `PeerTable`). */
export class Chain<T extends Link<T>> {
  #first: T | undefined;
  #last: T | undefined;

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  add(link: T): void {
    link.before = this.#last;
    if (this.#last) this.#last.after = link;
    else this.#first = link;
    this.#last = link;
  }

  /** One that is here. */
  delete(link: T): void {
    const { before, after } = link;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    link.before = link.after = undefined;
  }

  /** Some may leave meanwhile. */
  values(): T[] {
    const all: T[] = [];
    for (let link = this.#first; link; link = link.after) all.push(link);
    return all;
  }
}
