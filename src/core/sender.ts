// Sends DATA. Its state is a few marks on the line of block numbers: acked <= sent <= ready. It
// repeats from its oldest unacknowledged block; block 0 is the opening. Lock-step is a window of 1.

import { latestUpTo } from "./block-number.ts";
import { TftpError } from "./errors.ts";
import { Machine, nothing, type Setup, type Transmit } from "./machine.ts";
import type { BlockNumber, Millis, Options, Packet, WireNumber } from "./packet.ts";

/** Slower than a Receiver's, which knows what is missing and so should speak first. */
const floorMillis = 120;

export class Sender extends Machine {
  readonly #opening: Uint8Array | undefined;
  #acked: BlockNumber;
  #sent: BlockNumber;
  #highest: BlockNumber;
  #ready: BlockNumber = 0;
  #last: BlockNumber | undefined;
  /** Karn's rule: up to here a block was sent twice and tells no round trip. */
  #ambiguous: BlockNumber = -1;
  #rewoundByRepeat = false;
  #windowSentAt: Millis = 0;
  #lastSentAt: Millis = 0;

  constructor(setup: Setup) {
    super(setup, floorMillis);
    this.#opening = setup.opening;
    this.#acked = this.#sent = this.#highest = setup.opening ? -1 : 0;
  }

  /** Nothing up to here is asked for again. */
  get acked(): BlockNumber {
    return this.#acked;
  }

  get last(): BlockNumber | undefined {
    return this.#last;
  }

  get answered(): boolean {
    return this.#acked > (this.#opening ? -1 : 0);
  }

  /** Every block has been sent, and only acknowledgements are missing. */
  get allSent(): boolean {
    return this.#last !== undefined && this.#highest === this.#last;
  }

  /** Demand: worth having at hand by now. One window beyond the window; while the opening of a
   * server is unanswered just one, for many a client only wants to know the size. */
  get wanted(): BlockNumber {
    if (this.outcome || (this.#acked < 0 && this.asked)) return 0;
    const { windowsize } = this.agreed;
    const wanted = this.#acked < 0 ? windowsize : this.#acked + 2 * windowsize;
    return this.#last === undefined ? wanted : Math.min(wanted, this.#last);
  }

  /** Supply: blocks up to `upTo` are at hand; `last` as soon as it is known. */
  handleReady(upTo: BlockNumber, last?: BlockNumber): void {
    this.#ready = upTo;
    this.#last = last;
  }

  override handlePacket(packet: Packet, now: Millis): readonly Uint8Array[] {
    if (packet.op === "error") this.handlePeerGone();
    if (this.outcome) return nothing;
    this.stats.received += 1;
    if (packet.op === "ack") this.#handleAck(packet.block, now);
    else if (packet.op === "oack") this.#handleOack(packet.options, now);
    else if (packet.op === "error") this.abandon(TftpError.remote(packet.code, packet.message));
    return nothing;
  }

  /** The peer's request came once more: it has not seen our opening, or our first block. */
  handleRepeatedRequest(now: Millis): void {
    this.countRepeatedRequest();
    if (this.outcome || this.answered || this.#sent === this.#acked) return;
    if (now - this.#windowSentAt >= repeatedRequestMillis) this.#rewind();
  }

  override handleTimeout(now: Millis): void {
    if (this.timer.deadline === undefined || now < this.timer.deadline) return;
    if (this.mayRepeat(now)) this.#rewind();
  }

  override pollTransmit(now: Millis, maxBlocks: number): Transmit | undefined {
    if (this.outcome) return this.takeLastWords();
    if (this.#sent < 0) return this.#sendOpening(now);
    const count = this.sendable;
    if (count <= 0) return undefined;
    return this.#sendBlocks(Math.min(count, maxBlocks), now);
  }

  /** The first of those that are due. */
  get next(): BlockNumber {
    return this.#sent + 1;
  }

  /** How many blocks are due; none when not above 0. */
  get sendable(): number {
    if (this.#acked < 0 || this.#sent < 0 || this.outcome) return 0;
    return Math.min(this.#acked + this.agreed.windowsize, this.#ready) - this.#sent;
  }

  #sendOpening(now: Millis): Transmit {
    this.stats.sent += 1;
    if (this.#highest >= 0) this.stats.resent += 1;
    this.#sent = this.#highest = 0;
    this.#windowSentAt = this.#lastSentAt = now;
    this.timer.start(now);
    return { kind: "control", datagram: this.#opening as Uint8Array };
  }

  #sendBlocks(count: number, now: Millis): Transmit {
    const windowEnd = this.#acked + this.agreed.windowsize;
    const first = this.#sent + 1;
    this.#sent += count;
    this.stats.sent += count;
    this.stats.resent += Math.max(0, Math.min(this.#highest, this.#sent) - first + 1);
    if (this.#sent > this.#highest) this.#highest = this.#sent;
    if (first === this.#acked + 1) this.#windowSentAt = now;
    this.#lastSentAt = now;
    // Before its window is full the peer owes us nothing, and we may be waiting for our own
    // storage.
    if (this.#sent === windowEnd || this.#sent === this.#last) this.timer.start(now);
    else this.timer.stop();
    return { kind: "blocks", first, count };
  }

  #handleAck(wire: WireNumber, now: Millis): void {
    const block = latestUpTo(this.#highest, wire, this.agreed.rollover);
    if (block > this.#acked) this.#advance(block, now);
    else {
      this.stats.duplicates += 1;
      // RFC 1123 4.2.3.1: in lock-step a repeated ACK sends nothing, or every later block goes out
      // twice. With a window it may say that the window's first block is lost (RFC 7440 4).
      if (block >= 0 && block === this.#acked && this.agreed.windowsize > 1) {
        this.#rewindOnce(now, this.timer.roundTripMin);
      }
    }
  }

  #handleOack(answer: Options, now: Millis): void {
    if (this.asked === undefined) return;
    if (this.#acked >= 0 || this.accept(this.asked, answer)) this.#handleAck(0, now);
  }

  #advance(block: BlockNumber, now: Millis): void {
    // The opening tells nothing: it is small, and a window takes its time on a slow line.
    if (block > Math.max(0, this.#ambiguous)) {
      if (block === this.#sent) this.timer.measured(now - this.#lastSentAt);
      else this.timer.answered(now - this.#windowSentAt);
    }
    this.#acked = block;
    // It answers what went out before a rewind, of which not all has gone out again.
    if (block > this.#sent) this.#sent = block;
    this.#rewoundByRepeat = false;
    this.timer.progress();
    if (block === this.#last) this.succeed();
    else if (block === this.#sent) this.timer.stop();
    // A gap in the window (RFC 7440 4); an ACK that left before our latest blocks arrived is none.
    else if (now - this.#windowSentAt >= this.timer.roundTripMin) this.#rewind();
    else this.timer.start(now);
  }

  /** Once until there is progress, and not for what was sent less than `sinceMillis` ago. */
  #rewindOnce(now: Millis, sinceMillis: Millis): void {
    if (this.#rewoundByRepeat || this.#sent === this.#acked) return;
    if (now - this.#windowSentAt < sinceMillis) return;
    this.#rewoundByRepeat = true;
    this.#rewind();
  }

  #rewind(): void {
    this.#ambiguous = this.#highest;
    this.#sent = this.#acked;
    this.timer.stop();
  }
}

/** A request that comes again sooner was doubled by the network, not repeated by its client. */
export const repeatedRequestMillis: Millis = 100;
