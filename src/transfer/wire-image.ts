// The encoded DATA of one content for one block size, shared by all transfers that send it: a
// thousand clients, one read and one encoding.

import type { Source } from "../ports.ts";
import type { Chunk, ChunkShape, ChunkStore } from "./chunks.ts";

/** Who decides what is kept; told of all that changes. */
export interface Keeper {
  needed(slot: Slot): void;
  unneeded(slot: Slot): void;
  grew(bytes: number): void;
  /** The image holds nothing and nobody looks at it. */
  forget(image: WireImage): void;
}

/** The place of one chunk in an image. */
export interface Slot {
  readonly image: WireImage;
  readonly index: number;
  chunk: Chunk | undefined;
  /** All who wait for the chunk share this. */
  loading: Promise<Chunk> | undefined;
  /** How many transfers need it. */
  pins: number;
}

export class WireImage {
  readonly key: string;
  readonly shape: ChunkShape;
  readonly #keeper: Keeper;
  readonly #slots = new Map<number, Slot>();
  /** Transfers that look at it. */
  #views = 0;

  constructor(key: string, shape: ChunkShape, keeper: Keeper) {
    this.key = key;
    this.shape = shape;
    this.#keeper = keeper;
  }

  /** One more transfer. */
  join(): void {
    this.#views += 1;
  }

  leave(): void {
    this.#views -= 1;
    this.#forgetIfEmpty();
  }

  pin(index: number): Slot {
    let slot = this.#slots.get(index);
    if (!slot) {
      slot = { image: this, index, chunk: undefined, loading: undefined, pins: 0 };
      this.#slots.set(index, slot);
    }
    if (slot.pins++ === 0 && slot.chunk) this.#keeper.needed(slot);
    return slot;
  }

  unpin(slot: Slot): void {
    slot.pins -= 1;
    if (slot.pins > 0) return;
    if (slot.chunk) this.#keeper.unneeded(slot);
    else this.#slots.delete(slot.index);
  }

  /** The chunk of a pinned slot; the first who waits for it has it read from its own source. */
  load(slot: Slot, source: Source): Promise<Chunk> {
    slot.loading ??= this.#load(slot, source);
    return slot.loading;
  }

  /** Lets a chunk go; returns how many bytes that frees. */
  drop(slot: Slot): number {
    this.#slots.delete(slot.index);
    this.#forgetIfEmpty();
    return slot.chunk?.bytes.length ?? 0;
  }

  async #load(slot: Slot, source: Source): Promise<Chunk> {
    try {
      const chunk = await this.shape.load(source, slot.index);
      slot.chunk = chunk;
      this.#keeper.grew(chunk.bytes.length);
      return chunk;
    } finally {
      slot.loading = undefined; // whoever comes after a failure tries again
    }
  }

  #forgetIfEmpty(): void {
    if (this.#views === 0 && this.#slots.size === 0) this.#keeper.forget(this);
  }
}

/** What one transfer sees of an image. */
export class ImageView implements ChunkStore {
  readonly #image: WireImage;
  readonly #source: Source;
  /** In the order of the chunks, which are released in the same. */
  readonly #pinned: Slot[] = [];

  constructor(image: WireImage, source: Source) {
    this.#image = image;
    this.#source = source;
    image.join();
  }

  take(index: number): Chunk | undefined {
    const slot = this.#image.pin(index);
    if (slot.chunk) this.#pinned.push(slot);
    else this.#image.unpin(slot);
    return slot.chunk;
  }

  async load(index: number): Promise<Chunk> {
    const slot = this.#image.pin(index);
    try {
      const chunk = await this.#image.load(slot, this.#source);
      this.#pinned.push(slot);
      return chunk;
    } catch (thrown) {
      this.#image.unpin(slot);
      throw thrown;
    }
  }

  release(): void {
    const slot = this.#pinned.shift();
    if (slot) this.#image.unpin(slot);
  }

  close(): Promise<void> {
    this.#image.leave();
    return this.#source.close();
  }
}
