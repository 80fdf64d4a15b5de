// Encoded DATA in chunks: a chunk is one read of the source and one send of the socket, or a few.
// Knows a source; no peer and no time.

import { toWire } from "../core/block-number.ts";
import { TftpError } from "../core/errors.ts";
import type { Rollover } from "../core/options.ts";
import { type BlockNumber, dataHeaderBytes, writeDataHeader } from "../core/packet.ts";
import type { Source } from "../ports.ts";

export interface Chunk {
  /** Whole datagrams back to back; only the very last block of a file may be shorter. */
  readonly bytes: Uint8Array;
  readonly blocks: number;
}

/** Where the chunks of one transfer come from. */
export interface ChunkStore {
  /** At hand already: is as good as loaded. */
  take(index: number): Chunk | undefined;
  /** Throws what the source throws. */
  load(index: number): Promise<Chunk>;
  /** To be called once for each chunk that was taken or loaded, in the same order. */
  release(chunk: Chunk): void;
  close(): Promise<void>;
}

/** What one send can carry: 64 segments, and 65507 bytes on IPv4. */
const segmentsMax = 64;
const runBytesMax = 65_507;

/** How a file is cut into blocks and chunks. */
export class ChunkShape {
  /** The bytes of one full DATA packet. */
  readonly stride: number;
  readonly blksize: number;
  readonly chunkBlocks: number;
  /** What one send can carry. */
  readonly runBlocks: number;
  /** Where the size is known. */
  readonly last: BlockNumber | undefined;
  readonly #rollover: Rollover;
  readonly #size: number | undefined;

  /** `chunkBytesMax`: of one chunk, unless a single block is larger. */
  constructor(
    blksize: number,
    rollover: Rollover,
    size: number | undefined,
    chunkBytesMax: number = runBytesMax,
  ) {
    this.blksize = blksize;
    this.stride = blksize + dataHeaderBytes;
    this.#rollover = rollover;
    this.#size = size;
    if (size !== undefined) this.last = Math.floor(size / blksize) + 1;
    const fitting = (bytes: number): number =>
      Math.max(1, Math.min(segmentsMax, Math.floor(bytes / this.stride)));
    this.chunkBlocks = fitting(chunkBytesMax);
    this.runBlocks = fitting(runBytesMax);
  }

  /** Reads and encodes one chunk, into `memory` if that is large enough. */
  async load(source: Source, index: number, memory?: Uint8Array): Promise<Chunk> {
    const before = index * this.chunkBlocks;
    const most = Math.min(this.chunkBlocks, (this.last ?? Number.POSITIVE_INFINITY) - before);
    const position = before * this.blksize;
    const expected = Math.min(most * this.blksize, (this.#size ?? Infinity) - position);
    const needed =
      this.#size === undefined ? most * this.stride : expected + most * dataHeaderBytes;
    const bytes = memory && memory.length >= needed ? memory : new Uint8Array(needed);
    const read = counted(
      await source.readv(this.#payloads(bytes, most), position),
      most * this.blksize,
    );
    if (this.#size !== undefined) requireWhole(expected, read);
    // A block that is not full is the last, and a full last block is followed by an empty one.
    const blocks = Math.min(most, Math.floor(read / this.blksize) + 1);
    for (let i = 0; i < blocks; i++) {
      writeDataHeader(bytes, i * this.stride, toWire(before + i + 1, this.#rollover));
    }
    return { bytes: bytes.subarray(0, read + blocks * dataHeaderBytes), blocks };
  }

  #payloads(bytes: Uint8Array, count: number): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      payloads.push(bytes.subarray(i * this.stride + dataHeaderBytes, (i + 1) * this.stride));
    }
    return payloads;
  }
}

/** What a storage says that it has read of `most` bytes. One that is not ours may count wrong, and
 * what it did not read would be sent, without end. Throws TftpError STORAGE. */
export function counted(read: number, most: number): number {
  if (Number.isInteger(read) && read >= 0 && read <= most) return read;
  const cause = new TypeError(`readv returned ${read} for ${most} bytes`);
  throw new TftpError("STORAGE", "the content cannot be read", { cause });
}

/** The size of a content may have been told to the peer (tsize), and a part of it looks like the
 * whole: other than its size it is damaged. Throws TftpError STORAGE. */
export function requireWhole(size: number | undefined, read: number): void {
  if (size === undefined || read === size) return;
  throw new TftpError("STORAGE", "the content is not as long as announced");
}

/** The chunks of one transfer alone: what was acknowledged makes room for what comes. */
export class PrivateChunks implements ChunkStore {
  readonly #shape: ChunkShape;
  readonly #source: Source;
  #spare: Uint8Array | undefined;

  constructor(shape: ChunkShape, source: Source) {
    this.#shape = shape;
    this.#source = source;
  }

  take(): undefined {}

  load(index: number): Promise<Chunk> {
    const memory = this.#spare;
    this.#spare = undefined;
    return this.#shape.load(this.#source, index, memory);
  }

  release(chunk: Chunk): void {
    this.#spare = new Uint8Array(chunk.bytes.buffer);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
