// Calls the caller's onEvent. What that throws never reaches a server that is halfway through
// something: while one opens or closes it is kept until that is done, else it is thrown where
// nobody catches it. Knows no server.

import type { ServerEvent } from "./events.ts";

export class Teller {
  readonly #onEvent: (event: ServerEvent) => void;
  /** Undefined: nothing is kept. */
  #kept: unknown[] | undefined;

  constructor(onEvent: (event: ServerEvent) => void) {
    this.#onEvent = onEvent;
  }

  tell(event: ServerEvent): void {
    try {
      this.#onEvent(event);
    } catch (thrown) {
      if (this.#kept) this.#kept.push(thrown);
      else void Promise.reject(thrown);
    }
  }

  keep(): void {
    this.#kept ??= [];
  }

  /** Throws the first that was kept. */
  release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    if (kept.length > 0) throw kept[0];
  }
}
