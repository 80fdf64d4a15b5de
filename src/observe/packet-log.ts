// The packets of all transfers in bounded memory, in the order in which they went by; the oldest
// are overwritten. It must not know which packets belong together.

import { dataHeaderBytes } from "../core/packet.ts";
import { Run } from "../core/run.ts";
import { textHash } from "../core/text-hash.ts";
import type { Address } from "../ports.ts";

export interface LogOptions {
  /** Keep the content of DATA, too. */
  readonly whole: boolean;
  readonly bytesMax: number;
  /** Whether somebody will ask for what lies before this place. What nobody needs is overwritten
   * early, for memory that is in use already is quicker than other. */
  readonly isNeeded: (place: number) => boolean;
  /** What lies before this place is about to be overwritten, although it is needed. */
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
 * follow, 28 whose it is, block of the answer (16 bits each). The bytes follow, and the next row
 * where a time may begin. */
const rowBytes = 32;
const [segmentBytesMin, segmentBytesMax] = [4096, 128 * 1024];
/** Where whole packets have to fit. */
const wholeSegmentBytes = 256 * 1024;
/** Options and texts may come from anybody. */
const textBytesMax = 1024;
/** For a few bytes a loop is faster than a call. */
const shortBytes = 64;
const hostsMax = 16_384;
const [data, ack] = [3, 4];
const ackBytes = 4;
/** Whose a row is: in lock-step an ACK is answered at once by a block, which shares its row; then
 * the length of the last packet is the block's. */
const [theirs, ours, answered] = [0, 1, 2];

interface Segment {
  readonly words: Int32Array;
  readonly times: Float64Array;
  readonly bytes: Uint8Array;
  /** How much of it is in use: a row lies in one. */
  used: number;
}

export class PacketLog {
  /** Of what comes next. */
  timeMillis = 0;
  readonly #options: LogOptions;
  readonly #segmentBytes: number;
  readonly #segmentsMax: number;
  /** The last one is written. */
  readonly #segments: Segment[];
  /** How many there were before them. */
  #gone = 0;
  #current: Segment;
  /** The first word of the latest row, if that is an ACK that came; or else -1. */
  #latestAck = -1;
  readonly #hosts = new Map<string, number>();
  readonly #seed: number = Math.floor(Math.random() * 2 ** 32);
  /** The peer's before, and its number. */
  #host = "";
  #number: number;

  constructor(options: LogOptions) {
    const { whole, bytesMax } = options;
    const bytes = Math.max(segmentBytesMin, Math.min(segmentBytesMax, bytesMax / 4));
    this.#options = options;
    this.#segmentBytes = whole ? wholeSegmentBytes : bytes - (bytes % rowBytes);
    this.#segmentsMax = Math.max(2, Math.floor(bytesMax / this.#segmentBytes));
    this.#current = segmentOf(this.#segmentBytes);
    this.#segments = [this.#current];
    this.#number = textHash(this.#host, this.#seed);
  }

  /** The place of what comes next. Places are never used again. */
  get head(): number {
    return (this.#gone + this.#segments.length - 1) * this.#segmentBytes + this.#current.used;
  }

  /** A number for each peer. */
  peerOf({ host, port }: Address): number {
    return (this.#numberOf(host) >>> 0) * 65_536 + port;
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    this.#add(Run.of(datagram), local, from, theirs);
  }

  sent(run: Run, local: Address, to: Address): void {
    if (!run.isOne) this.#addRun(run, local, to);
    else if (!this.#addBesideAck(run, local, to)) this.#add(run, local, to, ours);
  }

  /** Shows the rows between two places, as far as they are there, with the peer of each. */
  scan(from: number, to: number, visit: (peer: number, place: number) => void): void {
    this.#latestAck = -1; // what follows was not shown
    const size = this.#segmentBytes;
    const first = Math.max(0, Math.floor(from / size) - this.#gone);
    for (let index = first; index < this.#segments.length; index++) {
      const { words, used } = this.#segments[index] as Segment;
      const start = (this.#gone + index) * size;
      for (let at = 0; at < used; ) {
        if (start + at >= to) return;
        const word = at >> 2;
        const [host = 0, ports = 0] = [words[word + 2], words[word + 3]];
        if (start + at >= from) visit((host >>> 0) * 65_536 + (ports >>> 16), start + at);
        at += sizeOf((words[word + 6] as number) >>> 16);
      }
    }
  }

  rows(place: number): Row[] {
    const segment = this.#segments[Math.floor(place / this.#segmentBytes) - this.#gone] as Segment;
    const at = place % this.#segmentBytes;
    const word = (index: number): number => segment.words[(at >> 2) + index] as number;
    const kept = word(6) >>> 16;
    const [whose, length, lastLength] = [word(7) & 0xffff, word(5) & 0xffff, word(6) & 0xffff];
    const row = {
      timeMillis: segment.times[at >> 3] as number,
      sent: whose === ours,
      localPort: word(3) & 0xffff,
      opcode: word(4) & 0xffff,
      block: word(4) >>> 16,
      length,
      count: word(5) >>> 16,
      lastLength: whose === answered ? length : lastLength,
      bytes: kept > 0 ? segment.bytes.slice(at + rowBytes, at + rowBytes + kept) : undefined,
    };
    if (whose !== answered) return [row];
    const answer = { opcode: data, block: word(7) >>> 16, length: lastLength, lastLength };
    return [row, { ...row, ...answer, sent: true }];
  }

  #add(datagram: Run, local: Address, peer: Address, whose: number): void {
    const { memory, start, length } = datagram;
    if (length < 2) return;
    const opcode = memory[start] === 0 ? (memory[start + 1] as number) : 255;
    const most = this.#segmentBytes - rowBytes;
    const kept = Math.min(keptBytes(opcode, length, this.#options.whole), most);
    const at = this.#begin(kept, local, peer);
    const word = at >> 2;
    const { words, bytes } = this.#current;
    const block = length < 4 ? 0 : blockAt(memory, start);
    words[word + 4] = opcode | (block << 16);
    words[word + 5] = length | (1 << 16);
    words[word + 6] = length | (kept << 16);
    words[word + 7] = whose;
    if (whose === theirs && opcode === ack && length === ackBytes) this.#latestAck = word;
    for (let byte = 0; byte < kept && kept <= shortBytes; byte++) {
      bytes[at + rowBytes + byte] = memory[start + byte] as number;
    }
    if (kept > shortBytes) bytes.set(memory.subarray(start, start + kept), at + rowBytes);
  }

  /** False: this is no block, or not the answer to an ACK that came just now. */
  #addBesideAck({ memory, start, length }: Run, local: Address, to: Address): boolean {
    const word = this.#latestAck;
    if (word < 0 || this.#options.whole || length < dataHeaderBytes) return false;
    const { words, times } = this.#current;
    if (memory[start] !== 0 || memory[start + 1] !== data) return false;
    if (words[word + 2] !== this.#numberOf(to.host)) return false;
    if (words[word + 3] !== (local.port | (to.port << 16))) return false;
    if (times[word >> 1] !== this.timeMillis) return false;
    words[word + 6] = length;
    words[word + 7] = answered | (blockAt(memory, start) << 16);
    this.#latestAck = -1;
    return true;
  }

  #addRun(run: Run, local: Address, to: Address): void {
    const { memory, start, length, segmentSize, count } = run;
    const last = (count - 1) * segmentSize;
    if (this.#options.whole || memory[start + 1] !== data || !isInOrder(run, last, count)) {
      for (const datagram of run.split()) this.#add(datagram, local, to, ours);
      return;
    }
    const word = this.#begin(0, local, to) >> 2;
    const { words } = this.#current;
    words[word + 4] = data | (blockAt(memory, start) << 16);
    words[word + 5] = segmentSize | (count << 16);
    words[word + 6] = length - last;
    words[word + 7] = ours;
  }

  /** Where the row lies that has so many bytes after it. */
  #begin(kept: number, local: Address, peer: Address): number {
    const bytes = sizeOf(kept);
    if (this.#current.used + bytes > this.#segmentBytes) this.#turn();
    const { words, times, used: at } = this.#current;
    this.#current.used = at + bytes;
    this.#latestAck = -1;
    times[at >> 3] = this.timeMillis;
    words[(at >> 2) + 2] = this.#numberOf(peer.host);
    words[(at >> 2) + 3] = local.port | (peer.port << 16);
    return at;
  }

  #turn(): void {
    const { isNeeded, onOverwrite } = this.#options;
    const place = (this.#gone + 1) * this.#segmentBytes;
    const isFull = this.#segments.length === this.#segmentsMax;
    const needed = isNeeded(place);
    if (isFull && needed) onOverwrite(place);
    const free = isFull || !needed ? this.#segments.shift() : undefined;
    if (free) this.#gone += 1;
    this.#current = free ?? segmentOf(this.#segmentBytes);
    this.#current.used = 0;
    this.#segments.push(this.#current);
  }

  #numberOf(host: string): number {
    if (host === this.#host) return this.#number;
    let number = this.#hosts.get(host);
    if (number === undefined) {
      number = textHash(host, this.#seed);
      if (this.#hosts.size >= hostsMax) this.#hosts.clear();
      this.#hosts.set(host, number);
    }
    this.#host = host;
    this.#number = number;
    return number;
  }
}

/** DATA and ACK are told by their rows. */
export function isPlain(opcode: number): boolean {
  return opcode === data || opcode === ack;
}

/** How much of a datagram is kept beside its row. */
export function keptBytes(opcode: number, length: number, whole: boolean): number {
  if (!isPlain(opcode)) return Math.min(length, textBytesMax);
  return whole && length > 4 ? length : 0;
}

function segmentOf(size: number): Segment {
  const memory = new ArrayBuffer(size);
  const [words, times] = [new Int32Array(memory), new Float64Array(memory)];
  return { words, times, bytes: new Uint8Array(memory), used: 0 };
}

/** What a row takes that has so many bytes after it. */
function sizeOf(kept: number): number {
  return (rowBytes + kept + 7) & ~7;
}

/** Whether the blocks follow each other, as they do unless the wire numbers begin anew. */
function isInOrder({ memory, start, length }: Run, last: number, count: number): boolean {
  if (length - last < 4) return false;
  return blockAt(memory, start + last) === blockAt(memory, start) + count - 1;
}

function blockAt(memory: Uint8Array, at: number): number {
  return ((memory[at + 2] as number) << 8) | (memory[at + 3] as number);
}
