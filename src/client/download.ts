// A file that is being fetched, in the form that its reader likes: bytes, text, chunks or a sink.
// Nothing is asked of the server before one of these is chosen.

import { TftpError } from "../core/errors.ts";
import type { Sink } from "../ports.ts";
import { isSink } from "../transfer/incoming.ts";
import type { TransferReport } from "./transfer-options.ts";

type Start = (sink: Sink, signal: AbortSignal) => Promise<TransferReport>;

export class Download implements AsyncIterable<Uint8Array> {
  readonly #start: Start;
  #used = false;

  constructor(start: Start) {
    this.#start = start;
  }

  /** The whole content. Throws TftpError, like all of these. */
  async bytes(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    await this.into({
      writev: async (payloads) => void chunks.push(...payloads),
      commit: async () => {},
      discard: async () => {},
    });
    return concatenate(chunks);
  }

  /** The whole content as UTF-8 text. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Fills the sink; the server hears the final ACK after its `commit`. */
  async into(sink: Sink): Promise<TransferReport> {
    if (!isSink(sink)) {
      const hint = "await fileSink(path) makes one; pipeline() takes this to a stream of Node.";
      throw new TftpError("INVALID_ARGUMENT", "that is no sink", { hint });
    }
    return this.#run(sink, new AbortController().signal);
  }

  /** Chunk by chunk: the server is kept waiting while a chunk is looked at, and hears the final ACK
   * when the last one was. To leave the loop early aborts the transfer. */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const left = new AbortController();
    const pipe = new Pipe();
    const done = this.#run(pipe, left.signal).finally(() => pipe.end());
    done.catch(() => {}); // it is thrown below, or nobody is left to hear it
    try {
      for (let batch = await pipe.take(); batch; batch = await pipe.take()) yield* batch;
      await done;
    } finally {
      left.abort();
      pipe.end(); // a write that waits for this reader waits for nobody
    }
  }

  #run(sink: Sink, signal: AbortSignal): Promise<TransferReport> {
    if (this.#used) {
      const message = "this download was read already";
      return Promise.reject(
        new TftpError("INVALID_ARGUMENT", message, { hint: "Call get() again." }),
      );
    }
    this.#used = true;
    return this.#start(sink, signal);
  }
}

/** A sink whose writes return when their chunks were looked at. */
class Pipe implements Sink {
  #batch: readonly Uint8Array[] | undefined;
  #ended = false;
  #onTaken: () => void = () => {};
  #onGiven: () => void = () => {};

  /** The next chunks; undefined at the end. Says that the chunks before were looked at. */
  async take(): Promise<readonly Uint8Array[] | undefined> {
    this.#onTaken();
    if (!this.#batch && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#onGiven = resolve;
      });
    }
    const batch = this.#batch;
    this.#batch = undefined;
    return batch;
  }

  writev(payloads: readonly Uint8Array[]): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onTaken = resolve;
      this.#batch = payloads;
      this.#onGiven();
    });
  }

  async commit(): Promise<void> {}

  async discard(): Promise<void> {}

  end(): void {
    this.#ended = true;
    this.#onTaken();
    this.#onGiven();
  }
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
