// Gathers small writes: in lock-step every block would else be a write of its own, and its ACK
// would wait for it. Only `commit` promises anything, so only it waits for all. Knows no files.

import type { Sink } from "../ports.ts";

/** At most two buffers of this size are held: one that fills and one that is being written. */
const bufferBytes = 64 * 1024;

export class WriteBehind implements Sink {
  readonly #sink: Sink;
  #buffer = new Uint8Array(0);
  #used = 0;
  #writing: Promise<void> = Promise.resolve();
  #committing: Promise<void> | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Throws what an earlier write threw. */
  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    for (const payload of payloads) {
      if (this.#used + payload.length > this.#buffer.length) {
        await this.#handOn();
        this.#buffer = new Uint8Array(Math.max(bufferBytes, payload.length));
      }
      this.#buffer.set(payload, this.#used);
      this.#used += payload.length;
    }
  }

  commit(): Promise<void> {
    return (this.#committing ??= this.#commit());
  }

  /** A commit that has begun is waited for. */
  async discard(): Promise<void> {
    this.#used = 0;
    await (this.#committing ?? this.#writing).catch(() => undefined);
    await this.#sink.discard();
  }

  async #commit(): Promise<void> {
    await this.#handOn();
    await this.#writing;
    await this.#sink.commit();
  }

  /** Begins to write what is gathered, when what was handed on before is written. */
  async #handOn(): Promise<void> {
    await this.#writing;
    if (this.#used === 0) return;
    this.#writing = this.#sink.writev([this.#buffer.subarray(0, this.#used)]);
    this.#writing.catch(() => undefined); // the next write or the commit throws it
    this.#used = 0;
  }
}
