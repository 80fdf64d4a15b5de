// A source or a sink in netascii mode: line endings are translated on the way (RFC 1350 1).

import { TftpError } from "../core/errors.ts";
import { countExpanded, FromNetascii, ToNetascii } from "../core/netascii.ts";
import type { Sink, Source } from "../ports.ts";
import { counted, requireWhole } from "./chunks.ts";

const inputBytes = 65_536;

/** The content of `source` as it goes over the wire. A short text is translated at once: its size
 * is known, and it can be shared. Throws TftpError, and has not closed the source then. */
export async function netasciiSource(source: Source): Promise<Source> {
  const input = new Uint8Array(inputBytes);
  try {
    const read = counted(await source.readv([input], 0), inputBytes);
    if (read < inputBytes) {
      requireWhole(source.size, read);
      return translated(input.subarray(0, read), source);
    }
    return new NetasciiSource(source, input);
  } catch (thrown) {
    throw TftpError.from(thrown);
  }
}

function translated(text: Uint8Array, source: Source): Source {
  const wire = new Uint8Array(countExpanded(text));
  new ToNetascii().translate(text, wire);
  return {
    size: wire.length,
    ...(source.version === undefined ? {} : { version: source.version }),
    async readv(into, position) {
      let at = position;
      for (const part of into) {
        const bytes = wire.subarray(at, at + part.length);
        part.set(bytes);
        at += bytes.length;
      }
      return at - position;
    },
    close: () => source.close(),
  };
}

/** Can be read only once and in order, so it bears no version. */
class NetasciiSource implements Source {
  readonly #source: Source;
  readonly #translator = new ToNetascii();
  readonly #buffer: Uint8Array;
  #input: Uint8Array;
  #position = inputBytes;
  #ended = false;

  constructor(source: Source, buffer: Uint8Array) {
    this.#source = source;
    this.#buffer = this.#input = buffer;
  }

  async readv(into: readonly Uint8Array[]): Promise<number> {
    let total = 0;
    for (const part of into) {
      const written = await this.#fill(part);
      total += written;
      if (written < part.length) break;
    }
    return total;
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  async #fill(part: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < part.length) {
      if (this.#input.length === 0 && this.#translator.done && !(await this.#readMore())) break;
      const { read, written } = this.#translator.translate(this.#input, part.subarray(filled));
      this.#input = this.#input.subarray(read);
      filled += written;
    }
    return filled;
  }

  async #readMore(): Promise<boolean> {
    if (this.#ended) return false;
    const read = counted(
      await this.#source.readv([this.#buffer], this.#position),
      this.#buffer.length,
    );
    this.#position += read;
    this.#ended = read < this.#buffer.length;
    if (this.#ended) requireWhole(this.#source.size, this.#position);
    this.#input = this.#buffer.subarray(0, read);
    return read > 0;
  }
}

/** What comes over the wire as the content of `sink`. */
export function netasciiSink(sink: Sink): Sink {
  const translator = new FromNetascii();
  return {
    async writev(payloads) {
      const parts = payloads.map((payload) => translator.translate(payload));
      await sink.writev(parts.filter((part) => part.length > 0));
    },
    async commit() {
      const rest = translator.finish();
      if (rest.length > 0) await sink.writev([rest]);
      await sink.commit();
    },
    discard: () => sink.discard(),
  };
}
