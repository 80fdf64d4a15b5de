// Ends that are not ours, each as simple as its kind is in the field. They keep to fixed timers.

import { latestUpTo, toWire } from "../../src/core/block-number.ts";
import type { Millis, Option, Options, Packet } from "../../src/core/packet.ts";
import { blksize, checkPayload, type File, payloadOf, type Station } from "./station.ts";

export interface ForeignSetup {
  readonly file: File;
  readonly windowsize: number;
  readonly timeoutMillis: Millis;
}

abstract class ForeignStation implements Station {
  finished = false;
  protected readonly setup: ForeignSetup;
  protected readonly unsent: Packet[] = [];
  #deadline: Millis | undefined;

  constructor(setup: ForeignSetup) {
    this.setup = setup;
  }

  abstract handlePacket(packet: Packet, now: Millis): void;
  protected abstract timedOut(): void;

  get nextWake(): Millis | undefined {
    return this.#deadline;
  }

  wake(now: Millis): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    this.#deadline = undefined;
    this.timedOut();
  }

  poll(now: Millis): Packet | undefined {
    const packet = this.unsent.shift();
    if (packet && !this.finished) this.expectAnswer(now);
    return packet;
  }

  protected expectAnswer(now: Millis): void {
    this.#deadline = now + this.setup.timeoutMillis;
  }

  protected finish(): void {
    this.finished = true;
    this.#deadline = undefined;
  }

  protected get options(): Options {
    const option = (name: string, value: number): [string, Option] => [
      name,
      { name, value: String(value) },
    ];
    return new Map([option("blksize", blksize), option("windowsize", this.setup.windowsize)]);
  }
}

export interface ReceiverHabits {
  /** When a missing block is reported; "never": its timer repeats the last ACK, or the Sender's
   * does it. */
  readonly gap: "at once" | "at the window's end" | "never";
  readonly early: "kept" | "dropped";
  /** Acknowledges after so many blocks, whatever was agreed. */
  readonly realWindow?: number;
  /** Never sends anything of itself. */
  readonly timer?: "none";
}

/** A client that reads. */
export class ForeignReceiver extends ForeignStation {
  readonly #habits: ReceiverHabits;
  readonly #early = new Map<number, Uint8Array>();
  #received = -1;
  #acked = 0;
  #reportedGap = -1;

  constructor(setup: ForeignSetup, habits: ReceiverHabits) {
    super(setup);
    this.#habits = habits;
    this.unsent.push(this.#request);
  }

  get whole(): boolean {
    return this.#received === this.setup.file.blocks;
  }

  get #request(): Packet {
    return { op: "rrq", filename: "file", mode: "octet", options: this.options };
  }

  handlePacket(packet: Packet, now: Millis): void {
    if (packet.op === "oack" && this.#received < 0) {
      this.#received = 0;
      this.#acknowledge();
    } else if (packet.op === "data" && this.#received >= 0) this.#handleData(packet, now);
  }

  protected timedOut(): void {
    if (this.#received < 0) this.unsent.push(this.#request);
    else if (this.#habits.timer !== "none") this.#acknowledge();
  }

  #handleData(packet: Packet & { op: "data" }, now: Millis): void {
    const windowEnd = this.#acked + (this.#habits.realWindow ?? this.setup.windowsize);
    const block = latestUpTo(this.#acked + this.setup.windowsize, packet.block, 0);
    // A repeated last block is answered even when all is done: our ACK was lost.
    if (this.whole) {
      if (block === this.#received) this.#acknowledge();
      return;
    }
    if (block <= this.#received) {
      if (block === this.#acked) this.#acknowledge();
      return;
    }
    this.expectAnswer(now);
    if (block === this.#received + 1) this.#take(packet.payload);
    else if (this.#habits.early === "kept") this.#early.set(block, packet.payload);
    this.#answer(block, windowEnd);
  }

  #take(payload: Uint8Array): void {
    const { blocks, lastBytes } = this.setup.file;
    for (
      let next: Uint8Array | undefined = payload;
      next;
      next = this.#early.get(this.#received + 1)
    ) {
      this.#received += 1;
      this.#early.delete(this.#received);
      checkPayload(next, this.#received, this.#received === blocks ? lastBytes : blksize);
    }
  }

  #answer(block: number, windowEnd: number): void {
    const { gap } = this.#habits;
    const isGap = block > this.#received;
    const isEnd = block >= windowEnd || block === this.setup.file.blocks;
    if (this.whole || this.#received >= windowEnd) this.#acknowledge();
    else if (isGap && gap === "at once" && this.#reportedGap !== this.#received) this.#reportGap();
    else if (isEnd && gap === "at the window's end") this.#reportGap();
  }

  #reportGap(): void {
    this.#reportedGap = this.#received;
    this.#acknowledge();
  }

  #acknowledge(): void {
    this.#acked = this.#received;
    this.unsent.push({ op: "ack", block: toWire(this.#received, 0) });
    if (this.whole) this.finish();
  }
}

export interface SenderHabits {
  /** Answers each ACK with the next blocks, also one that it had before (Sorcerer's Apprentice). */
  readonly apprentice?: boolean;
  /** Rewinds only when its timer ends; a partial ACK tells it nothing. */
  readonly onlyTimer?: boolean;
}

/** A server that is read from. */
export class ForeignSender extends ForeignStation {
  readonly #habits: SenderHabits;
  #acked = -1;
  #sent = -1;

  constructor(setup: ForeignSetup, habits: SenderHabits) {
    super(setup);
    this.#habits = habits;
  }

  handlePacket(packet: Packet): void {
    if (packet.op === "rrq" && this.#acked < 0) this.#sendOack();
    if (packet.op !== "ack" || this.#sent < 0 || this.finished) return;
    const block = latestUpTo(this.#sent, packet.block, 0);
    const repeated = block === this.#acked && this.#habits.apprentice;
    if (block <= this.#acked && !repeated) return;
    const partial = block < this.#sent;
    this.#acked = block;
    if (block === this.setup.file.blocks) this.finish();
    else if (!partial || repeated || !this.#habits.onlyTimer) this.#sendWindow();
  }

  protected timedOut(): void {
    if (this.#acked < 0) this.#sendOack();
    else this.#sendWindow();
  }

  #sendOack(): void {
    this.#sent = 0;
    this.unsent.push({ op: "oack", options: this.options });
  }

  #sendWindow(): void {
    const { blocks, lastBytes } = this.setup.file;
    this.#sent = Math.min(this.#acked + this.setup.windowsize, blocks);
    for (let block = this.#acked + 1; block <= this.#sent; block++) {
      const payload = payloadOf(block, block === blocks ? lastBytes : blksize);
      this.unsent.push({ op: "data", block: toWire(block, 0), payload });
    }
  }
}
