// Line endings of netascii mode (RFC 764, RFC 1350 1), across chunk borders. Knows no blocks and no
// files. On the wire a line ends with CR LF and a CR that stands for itself is CR NUL.

const nul = 0;
const lf = 10;
const cr = 13;

/** Content to wire. */
export class ToNetascii {
  /** The second byte of a pair that found no room. */
  #pending: number | undefined;

  /** False while a byte waits for room; `translate` with an empty input fetches it. */
  get done(): boolean {
    return this.#pending === undefined;
  }

  /** Translates until the input is read or the output full. Give the unread rest again. */
  translate(input: Uint8Array, output: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    if (this.#pending !== undefined && output.length > 0) {
      output[written++] = this.#pending;
      this.#pending = undefined;
    }
    while (read < input.length && written < output.length) {
      const byte = input[read++]!;
      if (byte !== lf && byte !== cr) {
        output[written++] = byte;
        continue;
      }
      output[written++] = cr;
      const second = byte === lf ? lf : nul;
      if (written < output.length) output[written++] = second;
      else this.#pending = second;
    }
    return { read, written };
  }
}

/** Wire to content. */
export class FromNetascii {
  #crHeld = false;

  /** The result may be `chunk` itself. A CR followed by neither LF nor NUL is kept as it came. */
  translate(chunk: Uint8Array): Uint8Array {
    let at = chunk.indexOf(cr);
    if (chunk.length === 0 || (at < 0 && !this.#crHeld)) return chunk;
    const content = new Uint8Array(chunk.length + 1);
    let from = 0;
    let written = 0;
    const copy = (end: number): void => {
      content.set(chunk.subarray(from, end), written);
      written += end - from;
      from = end;
    };
    // What follows a CR: one byte that decides what the two stand for.
    const resolve = (): void => {
      const next = chunk[from]!;
      if (next !== lf) content[written++] = cr;
      if (next === nul) from++;
    };
    if (this.#crHeld) resolve();
    for (; at >= 0 && at + 1 < chunk.length; at = chunk.indexOf(cr, from)) {
      copy(at);
      from++;
      resolve();
    }
    this.#crHeld = at >= 0;
    copy(this.#crHeld ? at : chunk.length);
    return content.subarray(0, written);
  }

  /** What was held back at the end: a CR without a successor, or nothing. */
  finish(): Uint8Array {
    const rest = this.#crHeld ? Uint8Array.of(cr) : new Uint8Array(0);
    this.#crHeld = false;
    return rest;
  }
}

/** How many bytes a chunk takes on the wire: each LF and each CR becomes two. */
export function countExpanded(chunk: Uint8Array): number {
  let count = chunk.length;
  for (const byte of chunk) if (byte === lf || byte === cr) count++;
  return count;
}
