// Writes at once, in the turn of who asks: a thread costs more than a copy into the memory of the
// system. Gathers what is small, for lock-step. Knows no files.

import type { Sink } from "../ports.ts";
import { totalBytes } from "./parts.ts";

export interface ImmediateSink extends Sink {
  /** Returns when all is written. Throws TftpError. */
  writeNow(payloads: readonly Uint8Array[]): void;
}

const bufferBytes = 64 * 1024;

export class WriteNow implements Sink {
  readonly #sink: ImmediateSink;
  readonly #buffer = new Uint8Array(bufferBytes);
  #used = 0;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(sink: ImmediateSink) {
    this.#sink = sink;
  }

  /** False once a write has failed. */
  writeAtOnce(payloads: readonly Uint8Array[]): boolean {
    if (this.#failure === undefined) this.#write(payloads);
    return this.#failure === undefined;
  }

  /** Throws what an earlier write threw. */
  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    if (!this.writeAtOnce(payloads)) throw this.#failure?.thrown;
  }

  async commit(): Promise<void> {
    if (!this.#failure) this.#flush([]);
    if (this.#failure) throw this.#failure.thrown;
    await this.#sink.commit();
  }

  async discard(): Promise<void> {
    await this.#sink.discard();
  }

  #write(payloads: readonly Uint8Array[]): void {
    if (this.#used + totalBytes(payloads) > bufferBytes) this.#flush(payloads);
    else for (const payload of payloads) this.#gather(payload);
  }

  #gather(payload: Uint8Array): void {
    this.#buffer.set(payload, this.#used);
    this.#used += payload.length;
  }

  /** What was gathered, and these. */
  #flush(payloads: readonly Uint8Array[]): void {
    const gathered = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    try {
      this.#sink.writeNow(gathered.length === 0 ? payloads : [gathered, ...payloads]);
    } catch (thrown) {
      this.#failure = { thrown };
    }
  }
}
