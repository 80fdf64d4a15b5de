// Which wire images to keep: under a limit of bytes, chunks that no transfer needs go, those first
// that were needed longest ago.

import type { Rollover } from "../core/options.ts";
import type { Source } from "../ports.ts";
import { Blocks, privateBlocks } from "./blocks.ts";
import { ChunkShape } from "./chunks.ts";
import { ImageView, type Keeper, type Slot, WireImage } from "./wire-image.ts";

/** DATA holds nothing about the client: equal keys, equal datagrams. */
export interface ImageKey {
  readonly name: string;
  /** Of the content; see Source. */
  readonly version: string;
  readonly mode: string;
  readonly blksize: number;
  readonly rollover: Rollover;
}

/** To count and keep chunks costs the same for each; they are shared, so they may be large. */
const chunkBytesMax = 256 * 1024;

export class ImageCache implements Keeper {
  readonly #bytesMax: number;
  readonly #images = new Map<string, WireImage>();
  /** Loaded, and needed by no transfer; the longest unneeded first. */
  readonly #idle = new Set<Slot>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** What is kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of these, what transfers need now. */
  get pinnedBytes(): number {
    let idle = 0;
    for (const { chunk } of this.#idle) idle += chunk?.bytes.length ?? 0;
    return this.#bytes - idle;
  }

  get images(): number {
    return this.#images.size;
  }

  /** How often content that can be shared was there already, and how often not. */
  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  /** The blocks of `source`, shared with all who open the same key. Owns the source. */
  open(key: Omit<ImageKey, "version">, source: Source): Blocks {
    const { version, size } = source;
    const { blksize, rollover } = key;
    if (version === undefined || size === undefined || size > this.#bytesMax) {
      return privateBlocks(source, blksize, rollover);
    }
    const { name, mode } = key;
    const text = `${blksize} ${rollover} ${mode} ${version.length} ${version} ${name}`;
    let image = this.#images.get(text);
    if (image) this.#hits += 1;
    else {
      this.#misses += 1;
      image = new WireImage(text, new ChunkShape(blksize, rollover, size, chunkBytesMax), this);
      this.#images.set(text, image);
    }
    return new Blocks(image.shape, new ImageView(image, source));
  }

  needed(slot: Slot): void {
    this.#idle.delete(slot);
  }

  unneeded(slot: Slot): void {
    this.#idle.add(slot);
    this.#evict();
  }

  grew(bytes: number): void {
    this.#bytes += bytes;
    this.#evict();
  }

  forget(image: WireImage): void {
    this.#images.delete(image.key);
  }

  #evict(): void {
    for (const slot of this.#idle) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#idle.delete(slot);
      this.#bytes -= slot.image.drop(slot);
    }
  }
}
