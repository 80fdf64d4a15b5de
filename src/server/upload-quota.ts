// What all uploads of one server may store together. An upload that fails gives its bytes back.

import { TftpError } from "../core/errors.ts";
import type { Sink } from "../ports.ts";

export class UploadQuota {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Throws TftpError TOO_LARGE where so many bytes more are too many. */
  requireRoom(bytes: number): void {
    if (this.#bytes + bytes > this.#bytesMax) {
      throw new TftpError("TOO_LARGE", "no room for more uploads");
    }
  }

  /** A sink whose bytes count here. */
  counts(sink: Sink): Sink {
    if (this.#bytesMax === Number.POSITIVE_INFINITY) return sink;
    let own = 0;
    const count = (bytes: number): void => {
      own += bytes;
      this.#bytes += bytes;
    };
    return {
      writev: async (payloads) => {
        const bytes = payloads.reduce((sum, { length }) => sum + length, 0);
        this.requireRoom(bytes);
        count(bytes);
        return sink.writev(payloads);
      },
      commit: async () => {
        await sink.commit();
        own = 0;
      },
      discard: () => {
        this.#bytes -= own;
        own = 0;
        return sink.discard();
      },
    };
  }
}
