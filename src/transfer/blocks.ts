// The encoded DATA that one transfer has at hand, found by block number. Knows chunks; not whether
// they are its own or shared with others.

import type { BlockRange } from "../core/machine.ts";
import type { Rollover } from "../core/options.ts";
import { type BlockNumber, dataHeaderBytes } from "../core/packet.ts";
import { Run } from "../core/run.ts";
import type { Source } from "../ports.ts";
import { type Chunk, ChunkShape, type ChunkStore, PrivateChunks } from "./chunks.ts";

/** The blocks of one transfer alone. Owns the source. */
export function privateBlocks(source: Source, blksize: number, rollover: Rollover): Blocks {
  const shape = new ChunkShape(blksize, rollover, source.size);
  return new Blocks(shape, new PrivateChunks(shape, source));
}

export class Blocks {
  readonly #shape: ChunkShape;
  readonly #store: ChunkStore;
  /** In order; those before are released. */
  readonly #chunks: Chunk[] = [];
  #releasedChunks = 0;
  #ready: BlockNumber = 0;
  #last: BlockNumber | undefined;
  #bytes = 0;

  constructor(shape: ChunkShape, store: ChunkStore) {
    this.#shape = shape;
    this.#store = store;
    this.#last = shape.last;
  }

  /** At hand up to here. */
  get ready(): BlockNumber {
    return this.#ready;
  }

  get last(): BlockNumber | undefined {
    return this.#last;
  }

  /** Takes the next chunk if nobody has to be waited for. */
  fillNow(): boolean {
    const chunk = this.#store.take(this.#filledChunks());
    if (chunk) this.#add(chunk);
    return chunk !== undefined;
  }

  /** Loads the next chunk. Throws what the source throws. */
  async fill(): Promise<void> {
    this.#add(await this.#store.load(this.#filledChunks()));
  }

  /** Of the blocks from `first` to `end`, exclusive, as many as lie together. No copies; good until
   * they are released. */
  run(first: BlockNumber, end: BlockNumber): Run {
    const { chunkBlocks, runBlocks, stride } = this.#shape;
    const index = Math.floor((first - 1) / chunkBlocks);
    const chunk = this.#chunks[index - this.#releasedChunks];
    const start = ((first - 1) % chunkBlocks) * stride;
    if (!chunk || start >= chunk.bytes.length) throw new Error(`block ${first} is not at hand`);
    const { bytes } = chunk;
    const length = Math.min(end - first, runBlocks) * stride;
    return new Run(bytes, start, Math.min(length, bytes.length - start), stride);
  }

  /** Blocks up to here are not asked for again. */
  release(upTo: BlockNumber): void {
    const chunks = Math.floor(upTo / this.#shape.chunkBlocks);
    while (this.#releasedChunks < chunks && this.#chunks.length > 0) this.#releaseFirst();
  }

  /** The payload bytes of the blocks up to here. */
  bytesUpTo(block: BlockNumber): number {
    return Math.max(0, Math.min(block * this.#shape.blksize, this.#bytes));
  }

  /** What these blocks come to in datagrams. */
  wireBytes({ first, count }: BlockRange): number {
    const payload = this.bytesUpTo(first + count - 1) - this.bytesUpTo(first - 1);
    return payload + count * dataHeaderBytes;
  }

  close(): Promise<void> {
    while (this.#chunks.length > 0) this.#releaseFirst();
    return this.#store.close();
  }

  #add(chunk: Chunk): void {
    this.#chunks.push(chunk);
    this.#ready += chunk.blocks;
    this.#bytes += chunk.bytes.length - chunk.blocks * dataHeaderBytes;
    const full = chunk.bytes.length === this.#shape.chunkBlocks * this.#shape.stride;
    if (!full) this.#last = this.#ready;
  }

  #releaseFirst(): void {
    this.#store.release(this.#chunks.shift() as Chunk);
    this.#releasedChunks += 1;
  }

  #filledChunks(): number {
    return this.#releasedChunks + this.#chunks.length;
  }
}
