// Says of every upload which content was stored, as a SHA-256 of what went to the storage. Knows no
// names and no files.

import { createHash } from "node:crypto";
import type { Sink, Storage } from "../ports.ts";

/** `storage`, whose sinks tell a digest when they are committed. Those that do already stay. */
export function withDigests(storage: Storage): Storage {
  return {
    openRead: (name, request) => storage.openRead(name, request),
    readAtHand: (name, request, receipt) => storage.readAtHand?.(name, request, receipt),
    async openWrite(name, request) {
      const sink = await storage.openWrite(name, request);
      return "sha256" in sink ? sink : new DigestSink(sink);
    },
  };
}

class DigestSink implements Sink {
  sha256?: string;
  readonly #sink: Sink;
  readonly #hash = createHash("sha256");

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    for (const payload of payloads) this.#hash.update(payload);
    await this.#sink.writev(payloads);
  }

  writeAtOnce(payloads: readonly Uint8Array[]): boolean {
    if (!this.#sink.writeAtOnce?.(payloads)) return false;
    for (const payload of payloads) this.#hash.update(payload);
    return true;
  }

  async commit(): Promise<void> {
    await this.#sink.commit();
    this.sha256 ??= this.#hash.digest("hex");
  }

  discard(): Promise<void> {
    return this.#sink.discard();
  }
}
