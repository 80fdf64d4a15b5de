// Sources on content that is already in memory or comes as a stream. Knows no names and no files.

import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TftpError } from "../core/errors.ts";
import type { Source } from "../ports.ts";
import { copyInto, totalBytes } from "./parts.ts";

/** The bytes are not copied: leave them as they are until `close`. */
export function bytesSource(bytes: Uint8Array, version?: string): Source {
  return {
    size: bytes.length,
    ...(version === undefined ? {} : { version }),
    async readv(into, position) {
      return copyInto(into, 0, bytes.subarray(Math.min(position, bytes.length)));
    },
    async close() {},
  };
}

/** Throws TftpError STORAGE where bytes do not have the given `size`. A stream that yields more or
 * less makes a read throw the same. */
export function sourceOf(
  body: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size?: number,
): Source {
  if (!(body instanceof Uint8Array)) return new StreamSource(body, size);
  if (size !== undefined && size !== body.length) throw wrongSize();
  return bytesSource(body, "as given");
}

/** Bytes are one as well; what else yields is seen when it is read. */
export function isStream(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** After so many chunks others have their turn: what is at hand is read without one. */
const chunksPerTurn = 256;

type Iterating = AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

/** Pulls from the stream only what a read asks for; what a chunk holds beyond that is kept for the
 * next read. */
class StreamSource implements Source {
  declare readonly size?: number;
  readonly #iterator: Iterating;
  #state: "idle" | "pulling" | "ended" | "closed" = "idle";
  #position = 0;
  #pulled = 0;
  #rest = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, size: number | undefined) {
    if (size !== undefined) this.size = size;
    this.#iterator = iteratorOf(stream);
  }

  async readv(into: readonly Uint8Array[], position: number): Promise<number> {
    if (position !== this.#position) {
      throw new TftpError("STORAGE", "a stream can be read only once and in order");
    }
    const wanted = Math.min(totalBytes(into), (this.size ?? Infinity) - position);
    let done = 0;
    while (done < wanted && (await this.#refill())) {
      const taken = copyInto(into, done, this.#rest.subarray(0, wanted - done));
      this.#rest = this.#rest.subarray(taken);
      done += taken;
    }
    this.#position += done;
    if (this.size !== undefined) await this.#confirm(this.size, done < wanted);
    return done;
  }

  /** Does not wait for a stream that is asked for a chunk right now: it may never answer. */
  async close(): Promise<void> {
    const before = this.#state;
    this.#state = "closed";
    this.#rest = new Uint8Array();
    if (before === "ended" || before === "closed") return;
    const returned = settled(() => this.#iterator.return?.());
    if (before === "idle") await returned;
  }

  async #confirm(size: number, endedEarly: boolean): Promise<void> {
    if (endedEarly || (this.#position === size && (await this.#refill()))) throw wrongSize();
  }

  /** False at the end of the stream; else there are bytes in `#rest`. */
  async #refill(): Promise<boolean> {
    while (this.#rest.length === 0 && this.#state !== "ended") {
      if (this.#state !== "idle") throw new TftpError("ABORTED", "the content was closed");
      this.#rest = await this.#pull();
    }
    return this.#rest.length > 0;
  }

  async #pull(): Promise<Uint8Array<ArrayBuffer>> {
    this.#state = "pulling";
    let ended = true; // A stream that threw is over as well.
    this.#pulled += 1;
    try {
      if (this.#pulled % chunksPerTurn === 0) await nextTurn();
      const { done, value } = await this.#iterator.next();
      ended = done === true;
      if (ended) return new Uint8Array();
      if (!(value instanceof Uint8Array)) throw new TypeError("a chunk is not a Uint8Array");
      return value as Uint8Array<ArrayBuffer>;
    } catch (thrown) {
      throw TftpError.from(thrown, "the content cannot be produced");
    } finally {
      if (this.#isPulling()) this.#state = ended ? "ended" : "idle";
    }
  }

  #isPulling(): boolean {
    return this.#state === "pulling";
  }
}

/** The iterator of a stream of Node or of the web does nothing before the first read, nor while one
 * waits: it would not hear an error, nor let go of a descriptor. */
function iteratorOf(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Iterating {
  if (stream instanceof ReadableStream) {
    const reader: ReadableStreamDefaultReader<Uint8Array> = stream.getReader();
    const next = (): Promise<IteratorResult<Uint8Array>> => reader.read();
    return { next, return: () => reader.cancel().then(over) };
  }
  if (!(Symbol.asyncIterator in stream)) return stream[Symbol.iterator]();
  const iterator = stream[Symbol.asyncIterator]();
  if (!isNodeStream(stream)) return iterator;
  stream.on("error", () => {}); // a read throws it
  const destroy = async (): Promise<IteratorResult<Uint8Array>> => {
    stream.destroy();
    await iterator.return?.();
    return over();
  };
  return { next: () => iterator.next(), return: destroy };
}

function isNodeStream(stream: object): stream is Pick<Readable, "on" | "destroy"> {
  const { on, destroy } = stream as Partial<Readable>;
  return typeof on === "function" && typeof destroy === "function";
}

function over(): IteratorResult<Uint8Array> {
  return { done: true, value: undefined };
}

/** What goes wrong while a stream is put away is of no use to anybody any more. */
async function settled(run: () => unknown): Promise<void> {
  try {
    await run();
  } catch {}
}

function wrongSize(): TftpError {
  return new TftpError("STORAGE", "the content does not have the announced size");
}
