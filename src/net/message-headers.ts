// The arrays of struct mmsghdr that recvmmsg fills and sendmmsg reads, laid out by hand in memory
// that does not move. It must not know what the datagrams mean.

import type { Libc } from "./libc.ts";

/** How many datagrams, joined ones counting as one, a call takes. */
export const batchSlots = 32;

// struct mmsghdr: a struct msghdr of 56 bytes and the number of bytes that were moved. It and all
// others in words of 32 bits: a method of Buffer for each number costs more than all else.
export const headerWords = 16;
const nameWord = 0;
export const nameLengthWord = 2;
const iovecWord = 4;
const iovecCountWord = 6;
const controlWord = 8;
export const controlLengthWord = 10;
export const movedWord = 14;

export const nameBytes = 32;
/** A struct iovec: a pointer and a length. */
export const iovecWords = 4;
export const iovecLengthWord = 2;
/** A struct cmsghdr of 16 bytes and one number. */
export const controlBytes = 24;
export const controlWords = 6;
export const controlNumberWord = 4;

export class Headers {
  readonly memory: Uint32Array = new Uint32Array(batchSlots * headerWords);
  readonly names: Uint8Array = new Uint8Array(batchSlots * nameBytes);
  readonly iovecs: Uint32Array = new Uint32Array(batchSlots * iovecWords);
  readonly controls: Uint32Array = new Uint32Array(batchSlots * controlWords);
  readonly #pointer: number;
  readonly namesPointer: number;

  constructor(libc: Libc) {
    this.namesPointer = libc.addressOf(this.names);
    this.#pointer = libc.addressOf(this.memory);
    const iovecs = libc.addressOf(this.iovecs);
    const controls = libc.addressOf(this.controls);
    const names = libc.addressOf(this.names);
    for (let slot = 0; slot < batchSlots; slot++) {
      const at = slot * headerWords;
      writePointer(this.memory, at + nameWord, names + slot * nameBytes);
      writePointer(this.memory, at + iovecWord, iovecs + slot * iovecWords * 4);
      this.memory[at + iovecCountWord] = 1;
      writePointer(this.memory, at + controlWord, controls + slot * controlBytes);
    }
  }

  pointerTo(slot: number): number {
    return this.#pointer + slot * headerWords * 4;
  }
}

/** No address of a process has more than 48 bits. */
export function writePointer(memory: Uint32Array, at: number, pointer: number): void {
  memory[at] = pointer % 2 ** 32;
  memory[at + 1] = pointer / 2 ** 32;
}
