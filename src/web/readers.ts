// Browsers that follow what happens, by server-sent events: a bounded number, none of which can
// make the others wait. It must not know what they are told.

import { TftpError } from "../core/errors.ts";
import type { Response, Visit } from "./visit.ts";

export type Arrival = Pick<Visit<unknown>, "request" | "response">;

const readersMax = 32;
const streamHeaders = { "content-type": "text/event-stream", "x-accel-buffering": "no" };
/** A reader that does not read is let go. */
const waitingBytesMax = 4 * 1024 * 1024;

export class Readers {
  readonly #readers = new Set<Response>();
  readonly #onFirst: () => void;
  readonly #onNone: () => void;

  /** `onFirst`: somebody follows from now on; `onNone`: nobody does any more. */
  constructor(onFirst: () => void, onNone: () => void) {
    this.#onFirst = onFirst;
    this.#onNone = onNone;
  }

  get size(): number {
    return this.#readers.size;
  }

  join({ request, response }: Arrival): void {
    if (request.method === "HEAD") {
      response.writeHead(200, streamHeaders);
      response.end();
      return;
    }
    if (this.#readers.size >= readersMax) throw new TftpError("BUSY", "too many pages are open");
    response.writeHead(200, streamHeaders);
    response.write("retry: 1000\n\n");
    this.#readers.add(response);
    response.on("close", () => this.#leave(response));
    if (this.#readers.size === 1) this.#onFirst();
  }

  tell(message: unknown): void {
    const text = `data: ${JSON.stringify(message)}\n\n`;
    for (const reader of this.#readers) {
      if (reader.writableLength > waitingBytesMax) reader.destroy();
      else reader.write(text);
    }
  }

  close(): void {
    for (const reader of this.#readers) reader.end();
    for (const reader of this.#readers) this.#leave(reader);
  }

  #leave(reader: Response): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#onNone();
  }
}
