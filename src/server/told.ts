// Who has just been sent an ERROR. Some clients acknowledge it, and an ERROR in answer to that ACK
// would be acknowledged as well, without end. Knows no packets.

import type { Millis } from "../core/packet.ts";

const keptMillis = 10_000;
const clientsMax = 1024;

export class Told {
  readonly #until = new Map<string, Millis>();

  note(client: string, now: Millis): void {
    this.#until.delete(client);
    this.#until.set(client, now + keptMillis);
    const [oldest] = this.#until.keys();
    if (this.#until.size > clientsMax && oldest !== undefined) this.#until.delete(oldest);
  }

  has(client: string, now: Millis): boolean {
    return (this.#until.get(client) ?? 0) > now;
  }
}
