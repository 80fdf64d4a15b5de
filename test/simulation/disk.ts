// Where the files of a simulated host come from and go to: slow, full or failing as drawn. Sees
// that sources and sinks are used as their contract says, and counts those that are open.

import { TftpError } from "../../src/core/errors.ts";
import type { Millis } from "../../src/core/packet.ts";
import type { Sink, Source, Storage } from "../../src/ports.ts";
import type { Random } from "./random.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface DiskHabits {
  /** Each use takes up to so long; 0: it is done at once. */
  readonly slowMillis: Millis;
  /** How often a use takes up to `pauseMillis`. */
  readonly pauseRatio: number;
  readonly pauseMillis: Millis;
  /** How likely an open, a read, a write or a commit fails. */
  readonly failureRatio: number;
  /** How likely a file turns out shorter than its size said. */
  readonly shortRatio: number;
  /** How many bytes may be written in all. */
  readonly freeBytes: number;
  /** How likely a source has a size, and a version under which it is shared. */
  readonly sizedRatio: number;
  readonly versionedRatio: number;
}

export interface DiskFaults {
  failures: number;
  shortFiles: number;
  full: number;
  pauses: number;
}

export class Disk implements Storage {
  /** Committed, by name. */
  readonly files = new Map<string, Uint8Array>();
  openSources = 0;
  openSinks = 0;
  /** A client that is aborted does not wait for its caller's source: a read may never end. */
  closesEarly = false;
  readonly faults: DiskFaults = { failures: 0, shortFiles: 0, full: 0, pauses: 0 };
  readonly #clock: VirtualClock;
  readonly #random: Random;
  #habits: DiskHabits;
  /** Told of what is against the contract. */
  readonly note: (fault: string) => void;
  #written = 0;

  constructor(
    clock: VirtualClock,
    random: Random,
    habits: DiskHabits,
    note: (fault: string) => void,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#habits = habits;
    this.note = note;
  }

  async openRead(name: string): Promise<Source> {
    await this.use("the file cannot be opened");
    const bytes = this.files.get(name);
    if (!bytes) throw new TftpError("FILE_NOT_FOUND", "file not found");
    return this.source(bytes);
  }

  async openWrite(name: string): Promise<Sink> {
    await this.use("the file cannot be created");
    if (this.files.has(name)) throw new TftpError("FILE_EXISTS", "file already exists");
    return this.sink((whole) => this.files.set(name, whole));
  }

  /** From now on it has other habits. */
  become(habits: DiskHabits): void {
    this.#habits = habits;
  }

  source(bytes: Uint8Array): Source {
    const random = this.#random;
    const { shortRatio, sizedRatio, versionedRatio } = this.#habits;
    const sized = random.chance(sizedRatio);
    const versioned = sized && random.chance(versionedRatio);
    const short = sized && bytes.length > 0 && random.chance(shortRatio);
    if (short) this.faults.shortFiles += 1;
    const real = short ? bytes.subarray(0, random.below(bytes.length)) : bytes;
    // Another version than that of the whole file, with which it shares nothing.
    const version = short ? `short ${real.length}` : "whole";
    return new DiskSource(this, real, {
      ...(sized ? { size: bytes.length } : {}),
      ...(versioned ? { version } : {}),
    });
  }

  sink(onCommit: (whole: Uint8Array) => void): DiskSink {
    return new DiskSink(this, onCommit);
  }

  /** Takes its time, then perhaps fails. */
  async use(failure: string): Promise<void> {
    const { slowMillis, pauseRatio, pauseMillis, failureRatio } = this.#habits;
    const random = this.#random;
    let millis = random.upTo(slowMillis);
    if (random.chance(pauseRatio)) {
      this.faults.pauses += 1;
      millis += random.upTo(pauseMillis);
    }
    if (millis > 0) await this.#clock.after(millis);
    if (!random.chance(failureRatio)) return;
    this.faults.failures += 1;
    throw new Error(failure);
  }

  take(bytes: number): void {
    this.#written += bytes;
    if (this.#written <= this.#habits.freeBytes) return;
    this.faults.full += 1;
    throw new TftpError("DISK_FULL", "disk full");
  }
}

class DiskSource implements Source {
  readonly size?: number;
  readonly version?: string;
  readonly #disk: Disk;
  readonly #bytes: Uint8Array;
  #position = 0;
  #reading = false;
  #closed = false;

  constructor(
    disk: Disk,
    bytes: Uint8Array,
    known: { readonly size?: number; readonly version?: string },
  ) {
    this.#disk = disk;
    this.#bytes = bytes;
    Object.assign(this, known);
    disk.openSources += 1;
  }

  async readv(into: readonly Uint8Array[], position: number): Promise<number> {
    this.#check(position);
    this.#reading = true;
    try {
      await this.#disk.use("the disk cannot be read");
    } finally {
      this.#reading = false;
    }
    if (this.#closed && !this.#disk.closesEarly) {
      this.#disk.note("a source was closed while it was read");
    }
    let at = position;
    for (const part of into) {
      const piece = this.#bytes.subarray(at, at + part.length);
      part.set(piece);
      at += piece.length;
    }
    this.#position = at;
    return at - position;
  }

  async close(): Promise<void> {
    if (this.#closed) return this.#disk.note("a source was closed twice");
    this.#closed = true;
    this.#disk.openSources -= 1;
  }

  #check(position: number): void {
    const { note } = this.#disk;
    if (this.#closed) note("a closed source was read");
    if (this.#reading) note("a source was read twice at once");
    if (this.version === undefined && position !== this.#position) {
      note("a source without a version was read out of order");
    }
  }
}

export class DiskSink implements Sink {
  state: "open" | "writing" | "committed" | "discarded" = "open";
  readonly #disk: Disk;
  readonly #onCommit: (whole: Uint8Array) => void;
  readonly #parts: Uint8Array[] = [];

  constructor(disk: Disk, onCommit: (whole: Uint8Array) => void) {
    this.#disk = disk;
    this.#onCommit = onCommit;
    disk.openSinks += 1;
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    this.#begin("written");
    let bytes = 0;
    for (const payload of payloads) bytes += payload.length;
    try {
      await this.#disk.use("the disk cannot be written");
      this.#disk.take(bytes);
      // Copied late: until we return, the bytes are ours.
      for (const payload of payloads) this.#parts.push(payload.slice());
    } finally {
      this.#end();
    }
  }

  async commit(): Promise<void> {
    this.#begin("committed");
    try {
      await this.#disk.use("the disk cannot be written");
      const [only] = this.#parts;
      this.#onCommit(only && this.#parts.length === 1 ? only : Buffer.concat(this.#parts));
    } catch (thrown) {
      this.#end();
      throw thrown;
    }
    this.#leave("committed");
  }

  /** After a commit it undoes nothing. */
  async discard(): Promise<void> {
    if (this.state === "writing") this.#disk.note("a sink was discarded while it was written");
    if (this.state === "open" || this.state === "writing") this.#leave("discarded");
  }

  #begin(use: string): void {
    if (this.state !== "open") this.#disk.note(`a sink was ${use} that is ${this.state}`);
    this.state = "writing";
  }

  #end(): void {
    if (this.state === "writing") this.state = "open";
  }

  #leave(state: "committed" | "discarded"): void {
    this.state = state;
    this.#disk.openSinks -= 1;
  }
}
