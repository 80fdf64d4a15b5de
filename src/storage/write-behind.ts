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
  #busy = false;
  #failed = false;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** False where the disk must be waited for, or has failed. */
  writeAtOnce(payloads: readonly Uint8Array[]): boolean {
    let bytes = 0;
    for (const { length } of payloads) bytes += length;
    if (this.#used + bytes > this.#buffer.length) {
      if (this.#busy || this.#failed || bytes > bufferBytes) return false;
      this.#begin();
      this.#buffer = new Uint8Array(bufferBytes);
    }
    for (const payload of payloads) this.#gather(payload);
    return true;
  }

  /** Throws what an earlier write threw. */
  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    for (const payload of payloads) {
      if (this.#used + payload.length > this.#buffer.length) {
        await this.#handOn();
        this.#buffer = new Uint8Array(Math.max(bufferBytes, payload.length));
      }
      this.#gather(payload);
    }
  }

  #gather(payload: Uint8Array): void {
    this.#buffer.set(payload, this.#used);
    this.#used += payload.length;
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
    this.#begin();
  }

  #begin(): void {
    if (this.#used === 0) return;
    this.#busy = true;
    this.#writing = this.#sink.writev([this.#buffer.subarray(0, this.#used)]);
    this.#used = 0;
    this.#writing.then(
      () => {
        this.#busy = false;
      },
      () => {
        this.#failed = true; // the next write or the commit throws it
      },
    );
  }
}
