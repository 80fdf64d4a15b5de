// Many datagrams in one call of the system: the arrays of struct mmsghdr that recvmmsg fills and
// sendmmsg reads, laid out by hand in memory that does not move. It must not know what the
// datagrams mean.

import type { Address } from "../ports.ts";
import type { AddressBook } from "./address-book.ts";
import { type Libc, MSG_DONTWAIT, SOL_UDP, UDP_SEGMENT } from "./libc.ts";

/** How many datagrams, joined ones counting as one, a call takes. */
export const batchSlots = 32;

// struct mmsghdr: a struct msghdr of 56 bytes and the number of bytes that were moved.
const headerBytes = 64;
const nameAt = 0;
const nameLengthAt = 8;
const iovecAt = 16;
const iovecCountAt = 24;
const controlAt = 32;
const controlLengthAt = 40;
const movedAt = 56;

const nameBytes = 32;
const iovecBytes = 16;
/** A struct cmsghdr of 16 bytes and one number. */
const controlBytes = 24;
const datagramBytesMax = 65_536;

class Headers {
  readonly memory: Buffer = Buffer.alloc(batchSlots * headerBytes);
  readonly names: Buffer = Buffer.alloc(batchSlots * nameBytes);
  readonly iovecs: Buffer = Buffer.alloc(batchSlots * iovecBytes);
  readonly controls: Buffer = Buffer.alloc(batchSlots * controlBytes);

  constructor(libc: Libc) {
    const iovecs = libc.addressOf(this.iovecs);
    const controls = libc.addressOf(this.controls);
    const names = libc.addressOf(this.names);
    for (let slot = 0; slot < batchSlots; slot++) {
      const at = slot * headerBytes;
      writePointer(this.memory, at + nameAt, names + slot * nameBytes);
      writePointer(this.memory, at + iovecAt, iovecs + slot * iovecBytes);
      this.memory.writeUInt32LE(1, at + iovecCountAt);
      writePointer(this.memory, at + controlAt, controls + slot * controlBytes);
    }
  }
}

/** No address of a process has more than 48 bits. */
function writePointer(memory: Buffer, at: number, pointer: number): void {
  memory.writeUInt32LE(pointer % 2 ** 32, at);
  memory.writeUInt32LE(Math.floor(pointer / 2 ** 32), at + 4);
}

/** What is short is copied, so that the large memory stays in place for the next one. */
const copiedBytesMax = 2048;

export class ReceiveBatch {
  readonly #libc: Libc;
  readonly #book: AddressBook;
  readonly #headers: Headers;
  readonly #memories: Buffer[] = [];
  #used = batchSlots;

  constructor(libc: Libc, book: AddressBook) {
    this.#libc = libc;
    this.#book = book;
    this.#headers = new Headers(libc);
    for (let slot = 0; slot < batchSlots; slot++) this.#provide(slot);
  }

  /** The number of datagrams that were waiting. */
  receive(fd: number): number {
    const { memory } = this.#headers;
    // The kernel has overwritten the lengths of what it used.
    for (let at = 0; at < this.#used * headerBytes; at += headerBytes) {
      memory.writeUInt32LE(nameBytes, at + nameLengthAt);
      memory.writeUInt32LE(controlBytes, at + controlLengthAt);
    }
    this.#used = Math.max(0, this.#libc.recvmmsg(fd, memory, batchSlots, MSG_DONTWAIT, null));
    return this.#used;
  }

  from(slot: number): Address {
    return this.#book.read(this.#headers.names, slot * nameBytes);
  }

  /** The caller's to keep; once only. */
  datagram(slot: number): Uint8Array {
    const length = this.#headers.memory.readUInt32LE(slot * headerBytes + movedAt);
    const memory = this.#memories[slot] as Buffer;
    if (length <= copiedBytesMax) return copied(memory, length);
    this.#provide(slot);
    return memory.subarray(0, length);
  }

  /** The size of each part of joined datagrams (UDP_GRO), of which the last may be shorter; 0 when
   * it is one. */
  segmentSize(slot: number): number {
    const { memory, controls } = this.#headers;
    const has = memory.readUInt32LE(slot * headerBytes + controlLengthAt) > 0;
    return has ? controls.readInt32LE(slot * controlBytes + 16) : 0;
  }

  #provide(slot: number): void {
    const memory = Buffer.allocUnsafeSlow(datagramBytesMax);
    this.#memories[slot] = memory;
    const at = slot * iovecBytes;
    writePointer(this.#headers.iovecs, at, this.#libc.addressOf(memory));
    this.#headers.iovecs.writeUInt32LE(datagramBytesMax, at + 8);
  }
}

/** For a few bytes a loop is faster than a call. */
function copied(memory: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  if (length > 16) copy.set(memory.subarray(0, length));
  else for (let at = 0; at < length; at++) copy[at] = memory[at] as number;
  return copy;
}

/** One call's worth of what is to be sent. */
export interface Outgoing {
  readonly run: Uint8Array;
  /** As short as the run, or the kernel is to cut it. */
  readonly segmentSize: number;
  readonly to: Address;
}

export class SendBatch {
  readonly #libc: Libc;
  readonly #book: AddressBook;
  readonly #headers: Headers;
  readonly #scratch = Buffer.alloc(batchSlots * copiedBytesMax);
  readonly #scratchPointer: number;
  readonly #pointers = new WeakMap<ArrayBufferLike, number>();
  /** Referenced here until the kernel has read them. */
  readonly #waiting: Outgoing[] = [];

  constructor(libc: Libc, book: AddressBook) {
    this.#libc = libc;
    this.#book = book;
    this.#headers = new Headers(libc);
    this.#scratchPointer = libc.addressOf(this.#scratch);
    for (let slot = 0; slot < batchSlots; slot++) {
      const { controls } = this.#headers;
      const at = slot * controlBytes;
      controls.writeUInt32LE(18, at); // CMSG_LEN of two bytes
      controls.writeInt32LE(SOL_UDP, at + 8);
      controls.writeInt32LE(UDP_SEGMENT, at + 12);
    }
  }

  get full(): boolean {
    return this.#waiting.length === batchSlots;
  }

  /** False: this is no address that the kernel could be given. */
  add(outgoing: Outgoing): boolean {
    const { run, segmentSize, to } = outgoing;
    const { memory, names, iovecs, controls } = this.#headers;
    const slot = this.#waiting.length;
    const nameLength = this.#book.write(to, names, slot * nameBytes);
    if (nameLength === 0) return false;
    this.#waiting.push(outgoing);
    const at = slot * headerBytes;
    memory.writeUInt32LE(nameLength, at + nameLengthAt);
    writePointer(iovecs, slot * iovecBytes, this.#pointerTo(run, slot));
    iovecs.writeUInt32LE(run.length, slot * iovecBytes + 8);
    const cut = run.length > segmentSize;
    if (cut) controls.writeUInt16LE(segmentSize, slot * controlBytes + 16);
    memory.writeUInt32LE(cut ? controlBytes : 0, at + controlLengthAt);
    return true;
  }

  /** Hands everything to the kernel. Returns what it did not take, of which the first is what it
   * refused, for the reason in `errno`. */
  flush(fd: number): readonly Outgoing[] {
    const { memory } = this.#headers;
    const count = this.#waiting.length;
    for (let sent = 0; sent < count; ) {
      const messages = sent === 0 ? memory : memory.subarray(sent * headerBytes);
      const taken = this.#libc.sendmmsg(fd, messages, count - sent, MSG_DONTWAIT);
      if (taken <= 0) return this.#waiting.splice(0).slice(sent);
      sent += taken;
    }
    this.#waiting.length = 0;
    return nothing;
  }

  /** To look an address up costs more than to copy what is short. */
  #pointerTo(run: Uint8Array, slot: number): number {
    if (run.length <= copiedBytesMax) {
      const at = slot * copiedBytesMax;
      this.#scratch.set(run, at);
      return this.#scratchPointer + at;
    }
    let base = this.#pointers.get(run.buffer);
    if (base === undefined) {
      base = this.#libc.addressOf(new Uint8Array(run.buffer));
      this.#pointers.set(run.buffer, base);
    }
    return base + run.byteOffset;
  }
}

const nothing: readonly Outgoing[] = [];
