// Many datagrams sent in one call of the system. It must not know what they mean.

import type { Run } from "../core/run.ts";
import type { Address } from "../ports.ts";
import type { AddressBook } from "./address-book.ts";
import { type Libc, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT } from "./libc.ts";
import {
  batchSlots,
  controlBytes,
  controlLengthWord,
  controlNumberWord,
  controlWords,
  Headers,
  headerWords,
  iovecLengthWord,
  iovecWords,
  nameBytes,
  nameLengthWord,
  writePointer,
} from "./message-headers.ts";

/** What was to be sent in one call. */
export interface Outgoing {
  readonly run: Run;
  readonly to: Address;
}

/** What is shorter may lie where V8 moves it, and to pin it takes time: it is copied. */
const shortBytesMax = 256;

export class SendBatch {
  readonly #libc: Libc;
  readonly #book: AddressBook;
  readonly #headers: Headers;
  readonly #scratch = new Uint8Array(batchSlots * shortBytesMax);
  readonly #scratchPointer: number;
  readonly #pointers = new WeakMap<Uint8Array, number>();
  /** Of one file, or of one that many ask for. */
  #lastMemory: Uint8Array | undefined;
  #lastPointer = 0;
  /** Referenced here until the kernel has read them. */
  readonly #waiting: (Run | undefined)[] = new Array(batchSlots).fill(undefined);
  #count = 0;
  /** Whose address stands in each slot, as what waits there goes to. */
  readonly #named: (Address | undefined)[] = new Array(batchSlots).fill(undefined);

  constructor(libc: Libc, book: AddressBook) {
    this.#libc = libc;
    this.#book = book;
    this.#headers = new Headers(libc);
    this.#scratchPointer = libc.addressOf(this.#scratch);
    for (let slot = 0; slot < batchSlots; slot++) {
      const { controls } = this.#headers;
      // CMSG_LEN of two bytes, in 64 bits
      controls.set([18, 0, SOL_UDP, UDP_SEGMENT], slot * controlWords);
    }
  }

  get full(): boolean {
    return this.#count === batchSlots;
  }

  /** False: this is no address that the kernel could be given. */
  add(run: Run, to: Address): boolean {
    const { memory, names, iovecs, controls } = this.#headers;
    const slot = this.#count;
    const at = slot * headerWords;
    // Where few are served, the one who was named here last is named again.
    if (this.#named[slot] !== to) {
      this.#named[slot] = undefined;
      const nameLength = this.#book.write(to, names, slot * nameBytes);
      if (nameLength === 0) return false;
      memory[at + nameLengthWord] = nameLength;
      this.#named[slot] = to;
    }
    this.#waiting[slot] = run;
    this.#count += 1;
    writePointer(iovecs, slot * iovecWords, this.#pointerTo(run, slot));
    iovecs[slot * iovecWords + iovecLengthWord] = run.length;
    const cut = !run.isOne;
    if (cut) controls[slot * controlWords + controlNumberWord] = run.segmentSize;
    memory[at + controlLengthWord] = cut ? controlBytes : 0;
    return true;
  }

  /** Hands everything to the kernel. Returns what it did not take, of which the first is what it
   * refused, for the reason in `errno`. */
  flush(fd: number): readonly Outgoing[] {
    const count = this.#count;
    let sent = 0;
    while (sent < count) {
      const taken = count === 1 ? this.#sendOne(fd) : this.#sendMany(fd, sent);
      if (taken <= 0) break;
      sent += taken;
    }
    const left = sent < count ? this.#left(sent) : nothing;
    for (let slot = 0; slot < count; slot++) this.#waiting[slot] = undefined;
    this.#count = 0;
    return left;
  }

  #left(from: number): readonly Outgoing[] {
    const runs = this.#waiting.slice(from, this.#count) as Run[];
    return runs.map((run, at) => ({ run, to: this.#named[from + at] as Address }));
  }

  #sendMany(fd: number, from: number): number {
    const messages = this.#headers.pointerTo(from);
    return this.#libc.sendmmsg(fd, messages, this.#count - from, MSG_DONTWAIT);
  }

  /** The plain call is shorter by all that sendmmsg has to copy first. */
  #sendOne(fd: number): number {
    const { memory, iovecs, namesPointer } = this.#headers;
    if (memory[controlLengthWord] !== 0) return this.#sendMany(fd, 0);
    const bytes = (iovecs[1] as number) * 2 ** 32 + (iovecs[0] as number);
    const length = iovecs[iovecLengthWord] as number;
    const nameLength = memory[nameLengthWord] as number;
    const { sendto } = this.#libc;
    return sendto(fd, bytes, length, MSG_DONTWAIT, namesPointer, nameLength) < 0 ? 0 : 1;
  }

  #pointerTo({ memory, start }: Run, slot: number): number {
    if (memory.length <= shortBytesMax) {
      const at = slot * shortBytesMax;
      this.#scratch.set(memory, at);
      return this.#scratchPointer + at + start;
    }
    if (memory !== this.#lastMemory) {
      this.#lastMemory = memory;
      this.#lastPointer = this.#memoryPointer(memory);
    }
    return this.#lastPointer + start;
  }

  #memoryPointer(memory: Uint8Array): number {
    let pointer = this.#pointers.get(memory);
    if (pointer === undefined) {
      pointer = this.#libc.addressOf(memory);
      this.#pointers.set(memory, pointer);
    }
    return pointer;
  }
}

const nothing: readonly Outgoing[] = [];
