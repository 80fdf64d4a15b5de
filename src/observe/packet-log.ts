// The packets of all transfers in one piece of memory, in the order in which they went by; the
// oldest are overwritten. It must not know which packets belong together.

import type { Address } from "../ports.ts";

export interface LogOptions {
  /** Keep the content of DATA, too. */
  readonly whole: boolean;
  readonly bytesMax: number;
  /** What lies before this place is about to be overwritten. */
  readonly onOverwrite: (place: number) => void;
}

/** One packet, or a run of blocks that left in one call. */
export interface Row {
  readonly timeMillis: number;
  readonly sent: boolean;
  readonly localPort: number;
  /** 255: not one of TFTP. */
  readonly opcode: number;
  /** Of the first packet. */
  readonly block: number;
  readonly length: number;
  readonly count: number;
  /** Of the last packet. */
  readonly lastLength: number;
  /** Of a request, OACK or ERROR, and of DATA that is kept whole. */
  readonly bytes: Uint8Array | undefined;
}

/** A row: 0 time (float64), 8 the peer's host as a number, 12 our port and the peer's, 16 opcode,
 * block, 20 length of the first and number of packets, 24 length of the last, how many bytes
 * follow (16 bits each), 28 whether we sent it. The bytes follow, and the next row where a time
 * may begin. */
const rowBytes = 32;
const segmentsMax = 64;
const segmentBytesMin = 4096;
/** Options and texts may come from anybody. */
const textBytesMax = 1024;
const hostsMax = 16_384;
const [data, ack] = [3, 4];

export class PacketLog {
  /** Of what comes next. */
  timeMillis = 0;
  readonly #options: LogOptions;
  readonly #segmentBytes: number;
  readonly #words: Int32Array;
  readonly #times: Float64Array;
  readonly #bytes: Uint8Array;
  /** How much of each segment is in use: a row lies in one. */
  readonly #used: number[];
  /** The segment that is written, counted from the first of all. */
  #segment = 0;
  #at = 0;
  #end: number;
  readonly #hosts = new Map<string, number>();
  readonly #seed: number = Math.floor(Math.random() * 2 ** 32);
  /** The peer's before, and its number. */
  #host = "";
  #number: number;

  constructor(options: LogOptions) {
    const wanted = Math.floor(options.bytesMax / segmentsMax);
    this.#options = options;
    this.#segmentBytes = Math.max(segmentBytesMin, wanted - (wanted % rowBytes));
    const segments = Math.max(2, Math.floor(options.bytesMax / this.#segmentBytes));
    // The system gives memory when it is used, not before.
    const memory = new ArrayBuffer(segments * this.#segmentBytes);
    this.#words = new Int32Array(memory);
    this.#times = new Float64Array(memory);
    this.#bytes = new Uint8Array(memory);
    this.#used = Array(segments).fill(0);
    this.#end = this.#segmentBytes;
    this.#number = hashOf(this.#host, this.#seed);
  }

  /** The place of what comes next. Places are never used again. */
  get head(): number {
    return this.#segment * this.#segmentBytes + this.#at - this.#startOf(this.#segment);
  }

  /** A number for each peer. */
  peerOf({ host, port }: Address): number {
    return (this.#numberOf(host) >>> 0) * 65_536 + port;
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    this.#add(datagram, local, from, 0);
  }

  /** `run` holds datagrams of `segmentSize` bytes, the last one perhaps shorter. */
  sent(run: Uint8Array, segmentSize: number, local: Address, to: Address): void {
    if (run.length <= segmentSize) this.#add(run, local, to, 1);
    else this.#addRun(run, segmentSize, local, to);
  }

  /** Shows the rows between two places, as far as they are there, with the peer of each. */
  scan(from: number, to: number, visit: (peer: number, place: number) => void): void {
    const words = this.#words;
    const size = this.#segmentBytes;
    const oldest = Math.max(0, this.#segment - this.#used.length + 1);
    const first = Math.max(oldest, Math.floor(from / size));
    for (let segment = first; segment <= this.#segment && segment * size < to; segment++) {
      const start = this.#startOf(segment);
      const used = segment === this.#segment ? this.#at : (this.#used[start / size] as number);
      let at = start;
      while (at < used) {
        const word = at >> 2;
        const place = segment * size + at - start;
        if (place >= to) return;
        const peer =
          ((words[word + 2] as number) >>> 0) * 65_536 + ((words[word + 3] as number) >>> 16);
        if (place >= from) visit(peer, place);
        at += (rowBytes + ((words[word + 6] as number) >>> 16) + 7) & ~7;
      }
    }
  }

  row(place: number): Row {
    const start = this.#startOf(Math.floor(place / this.#segmentBytes));
    const at = start + (place % this.#segmentBytes);
    const word = (index: number): number => this.#words[(at >> 2) + index] as number;
    const kept = word(6) >>> 16;
    return {
      timeMillis: this.#times[at >> 3] as number,
      sent: word(7) === 1,
      localPort: word(3) & 0xffff,
      opcode: word(4) & 0xffff,
      block: word(4) >>> 16,
      length: word(5) & 0xffff,
      count: word(5) >>> 16,
      lastLength: word(6) & 0xffff,
      bytes: kept > 0 ? this.#bytes.slice(at + rowBytes, at + rowBytes + kept) : undefined,
    };
  }

  #add(datagram: Uint8Array, local: Address, peer: Address, sent: 0 | 1): void {
    const { length } = datagram;
    if (length < 2) return;
    const opcode = datagram[0] === 0 ? (datagram[1] as number) : 255;
    const kept = this.#kept(opcode, length);
    const at = this.#begin(kept, local, peer);
    const word = at >> 2;
    const words = this.#words;
    const block = length < 4 ? 0 : ((datagram[2] as number) << 8) | (datagram[3] as number);
    words[word + 4] = opcode | (block << 16);
    words[word + 5] = length | (1 << 16);
    words[word + 6] = length | (kept << 16);
    words[word + 7] = sent;
    if (kept > 0) this.#bytes.set(kept < length ? datagram.subarray(0, kept) : datagram, at + rowBytes);
  }

  #addRun(run: Uint8Array, segmentSize: number, local: Address, to: Address): void {
    const count = Math.ceil(run.length / segmentSize);
    const last = (count - 1) * segmentSize;
    if (this.#options.whole || run[1] !== data || !isInOrder(run, last, count)) {
      for (let at = 0; at < run.length; at += segmentSize) {
        this.#add(run.subarray(at, at + segmentSize), local, to, 1);
      }
      return;
    }
    const word = this.#begin(0, local, to) >> 2;
    const words = this.#words;
    words[word + 4] = data | (blockAt(run, 0) << 16);
    words[word + 5] = segmentSize | (count << 16);
    words[word + 6] = run.length - last;
    words[word + 7] = 1;
  }

  #kept(opcode: number, length: number): number {
    const isPlain = opcode === data || opcode === ack;
    if (isPlain && (!this.#options.whole || length <= 4)) return 0;
    return Math.min(length, isPlain ? this.#segmentBytes - rowBytes : textBytesMax);
  }

  /** Where the row lies that has so many bytes after it. */
  #begin(kept: number, local: Address, peer: Address): number {
    const bytes = (rowBytes + kept + 7) & ~7;
    if (this.#at + bytes > this.#end) this.#turn();
    const at = this.#at;
    this.#at += bytes;
    this.#times[at >> 3] = this.timeMillis;
    this.#words[(at >> 2) + 2] = this.#numberOf(peer.host);
    this.#words[(at >> 2) + 3] = local.port | (peer.port << 16);
    return at;
  }

  #turn(): void {
    const size = this.#segmentBytes;
    this.#used[this.#startOf(this.#segment) / size] = this.#at;
    const next = this.#segment + 1;
    const oldest = next - this.#used.length;
    if (oldest >= 0) this.#options.onOverwrite((oldest + 1) * size);
    this.#segment = next;
    this.#at = this.#startOf(next);
    this.#end = this.#at + size;
  }

  /** Where the segment lies in memory. */
  #startOf(segment: number): number {
    return (segment % this.#used.length) * this.#segmentBytes;
  }

  #numberOf(host: string): number {
    if (host === this.#host) return this.#number;
    let number = this.#hosts.get(host);
    if (number === undefined) {
      number = hashOf(host, this.#seed);
      if (this.#hosts.size >= hostsMax) this.#hosts.clear();
      this.#hosts.set(host, number);
    }
    this.#host = host;
    this.#number = number;
    return number;
  }
}

/** With a seed it is not to be foreseen by those who would like to be taken for others. */
function hashOf(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}

/** Whether the blocks follow each other, as they do unless the wire numbers begin anew. */
function isInOrder(run: Uint8Array, last: number, count: number): boolean {
  return run.length - last >= 4 && blockAt(run, last) === blockAt(run, 0) + count - 1;
}

function blockAt(run: Uint8Array, at: number): number {
  return ((run[at + 2] as number) << 8) | (run[at + 3] as number);
}
