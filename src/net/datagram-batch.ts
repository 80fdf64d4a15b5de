// Many datagrams in one call of the system: the arrays of struct mmsghdr that recvmmsg fills and
// sendmmsg reads, laid out by hand in memory that does not move. It must not know what the
// datagrams mean.

import type { Run } from "../core/run.ts";
import type { Address } from "../ports.ts";
import type { AddressBook } from "./address-book.ts";
import { type Libc, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT } from "./libc.ts";

/** How many datagrams, joined ones counting as one, a call takes. */
export const batchSlots = 32;

// struct mmsghdr: a struct msghdr of 56 bytes and the number of bytes that were moved. It and all
// others in words of 32 bits: a method of Buffer for each number costs more than all else.
const headerWords = 16;
const nameWord = 0;
const nameLengthWord = 2;
const iovecWord = 4;
const iovecCountWord = 6;
const controlWord = 8;
const controlLengthWord = 10;
const movedWord = 14;

const nameBytes = 32;
/** A struct iovec: a pointer and a length. */
const iovecWords = 4;
const iovecLengthWord = 2;
/** A struct cmsghdr of 16 bytes and one number. */
const controlBytes = 24;
const controlWords = 6;
const controlNumberWord = 4;
const datagramBytesMax = 65_536;
const ackBytes = 4;

class Headers {
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
function writePointer(memory: Uint32Array, at: number, pointer: number): void {
  memory[at] = pointer % 2 ** 32;
  memory[at + 1] = pointer / 2 ** 32;
}

/** What is short is copied, so that the large memory stays in place for the next one. */
const copiedBytesMax = 2048;
/** Copies of blocks lie together, for V8 takes long to make a memory. What is shorter may be kept
 * for long, and would keep the others. */
const aloneBytesMax = 511;
const togetherBytes = 64 * 1024;

export class ReceiveBatch {
  readonly #libc: Libc;
  readonly #book: AddressBook;
  readonly #headers: Headers;
  readonly #memories: Buffer[] = [];
  /** Their first bytes: for what is most of all that is received no view is made. */
  readonly #acks: Uint8Array[] = [];
  #together = Buffer.allocUnsafeSlow(togetherBytes);
  #togetherUsed = 0;
  #used = batchSlots;

  constructor(libc: Libc, book: AddressBook) {
    this.#libc = libc;
    this.#book = book;
    this.#headers = new Headers(libc);
    for (let slot = 0; slot < batchSlots; slot++) this.#provide(slot);
  }

  /** The number of datagrams that were waiting, at most `most` of them. */
  receive(fd: number, most: number): number {
    const { memory } = this.#headers;
    // The kernel has overwritten the lengths of what it used.
    for (let slot = 0; slot < this.#used; slot++) {
      memory[slot * headerWords + nameLengthWord] = nameBytes;
      memory[slot * headerWords + controlLengthWord] = controlBytes;
    }
    const received = most === 1 ? this.#receiveOne(fd) : this.#receiveMany(fd, most);
    this.#used = Math.max(0, received);
    return this.#used;
  }

  /** The plain call is shorter. */
  #receiveOne(fd: number): number {
    const length = this.#libc.recvmsg(fd, this.#headers.pointerTo(0), MSG_DONTWAIT);
    this.#headers.memory[movedWord] = length;
    return length < 0 ? length : 1;
  }

  #receiveMany(fd: number, most: number): number {
    return this.#libc.recvmmsg(fd, this.#headers.pointerTo(0), most, MSG_DONTWAIT, 0);
  }

  from(slot: number): Address {
    return this.#book.read(this.#headers.names, slot * nameBytes);
  }

  /** Once only. The caller's to keep, but an ACK is only lent until the next call of `receive`. */
  datagram(slot: number): Uint8Array {
    const length = this.#headers.memory[slot * headerWords + movedWord] as number;
    if (length === ackBytes) return this.#acks[slot] as Uint8Array;
    const memory = this.#memories[slot] as Buffer;
    if (length <= aloneBytesMax) return copiedAlone(memory, length);
    if (length <= copiedBytesMax) return this.#copiedTogether(memory, length);
    this.#provide(slot);
    return memory.subarray(0, length);
  }

  #copiedTogether(memory: Uint8Array, length: number): Uint8Array {
    if (this.#togetherUsed + length > togetherBytes) {
      this.#together = Buffer.allocUnsafeSlow(togetherBytes);
      this.#togetherUsed = 0;
    }
    const at = this.#togetherUsed;
    this.#togetherUsed += length;
    this.#together.set(new Uint8Array(memory.buffer, memory.byteOffset, length), at);
    return new Uint8Array(this.#together.buffer, at, length);
  }

  /** The size of each part of joined datagrams (UDP_GRO), of which the last may be shorter; 0 when
   * it is one. */
  segmentSize(slot: number): number {
    const { memory, controls } = this.#headers;
    if (memory[slot * headerWords + controlLengthWord] === 0) return 0;
    return controls[slot * controlWords + controlNumberWord] as number;
  }

  #provide(slot: number): void {
    const memory = Buffer.allocUnsafeSlow(datagramBytesMax);
    this.#memories[slot] = memory;
    this.#acks[slot] = new Uint8Array(memory.buffer, memory.byteOffset, ackBytes);
    const at = slot * iovecWords;
    writePointer(this.#headers.iovecs, at, this.#libc.addressOf(memory));
    this.#headers.iovecs[at + iovecLengthWord] = datagramBytesMax;
  }
}

/** For a few bytes a loop is faster than a call. */
function copiedAlone(memory: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  if (length > 16) copy.set(memory.subarray(0, length));
  else for (let at = 0; at < length; at++) copy[at] = memory[at] as number;
  return copy;
}

/** One call's worth of what is to be sent. */
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
  readonly #waiting: (Outgoing | undefined)[] = new Array(batchSlots).fill(undefined);
  #count = 0;
  /** Whose address stands in each slot. */
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
  add(outgoing: Outgoing): boolean {
    const { run, to } = outgoing;
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
    this.#waiting[slot] = outgoing;
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
    const left = sent < count ? (this.#waiting.slice(sent, count) as Outgoing[]) : nothing;
    for (let slot = 0; slot < count; slot++) this.#waiting[slot] = undefined;
    this.#count = 0;
    return left;
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
