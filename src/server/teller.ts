// Calls the caller's onEvent. While a server opens or closes, what that throws is kept until it has
// done so: halfway, it would hold ports that nobody can close. Knows no server.

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
      if (!this.#kept) throw thrown;
      this.#kept.push(thrown);
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
