// Many datagrams received in one call of the system. It must not know what they mean.

import type { Address } from "../ports.ts";
import type { AddressBook } from "./address-book.ts";
import { type Libc, MSG_DONTWAIT, MSG_WAITFORONE } from "./libc.ts";
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
  movedWord,
  nameBytes,
  nameLengthWord,
  writePointer,
} from "./message-headers.ts";

const datagramBytesMax = 65_536;
const ackBytes = 4;
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

  /** The number of datagrams that were waiting, at most `most` of them. `waits`: for the first, if
   * the descriptor blocks. */
  receive(fd: number, most: number, waits = false): number {
    const { memory } = this.#headers;
    // The kernel has overwritten the lengths of what it used.
    for (let slot = 0; slot < this.#used; slot++) {
      memory[slot * headerWords + nameLengthWord] = nameBytes;
      memory[slot * headerWords + controlLengthWord] = controlBytes;
    }
    const received = most === 1 ? this.#receiveOne(fd, waits) : this.#receiveMany(fd, most, waits);
    this.#used = Math.max(0, received);
    return this.#used;
  }

  /** The plain call is shorter. */
  #receiveOne(fd: number, waits: boolean): number {
    const length = this.#libc.recvmsg(fd, this.#headers.pointerTo(0), waits ? 0 : MSG_DONTWAIT);
    this.#headers.memory[movedWord] = length;
    return length < 0 ? length : 1;
  }

  #receiveMany(fd: number, most: number, waits: boolean): number {
    const flags = waits ? MSG_WAITFORONE : MSG_DONTWAIT;
    return this.#libc.recvmmsg(fd, this.#headers.pointerTo(0), most, flags, 0);
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
