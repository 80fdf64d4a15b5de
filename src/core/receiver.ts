// Receives DATA. Its state is marks on the line of blocks: acked <= stored <= received. What it
// repeats is its last acknowledgement, at first the opening. Lock-step is a window of 1.

import { Acknowledgement } from "./acknowledgement.ts";
import { latestUpTo } from "./block-number.ts";
import { TftpError } from "./errors.ts";
import { Machine, nothing, type Setup, type Transmit } from "./machine.ts";
import { rfc1350 } from "./options.ts";
import type { BlockNumber, Millis, Options, Packet } from "./packet.ts";
import { Reassembly } from "./reassembly.ts";

const longestDallyMillis = 20_000;
const floorMillis = 80; // shorter than a Sender's: only the Receiver knows what is missing

export class Receiver extends Machine {
  readonly #said: Acknowledgement;
  #stored: BlockNumber;
  readonly #blocks: Reassembly;

  constructor(setup: Setup & { readonly opening: Uint8Array }) {
    super(setup, floorMillis);
    this.#stored = setup.asked ? -1 : 0;
    this.#said = new Acknowledgement(setup.opening, this.#stored);
    this.#blocks = new Reassembly(this.#stored);
  }

  /** Handed over so far, in order. */
  get received(): BlockNumber {
    return this.#blocks.received;
  }

  get last(): BlockNumber | undefined {
    return this.#blocks.last;
  }

  get due(): BlockNumber | undefined {
    return this.#said.due;
  }

  get answered(): boolean {
    return this.received > (this.asked ? -1 : 0);
  }

  /** Blocks up to here are safe, the last one: committed. Only then are they acknowledged. */
  handleStored(upTo: BlockNumber): void {
    this.#stored = upTo;
    this.timer.progress(); // our own storage may have taken its time
  }

  override handlePacket(packet: Packet, now: Millis): readonly Uint8Array[] {
    if (packet.op === "data") return this.#handleData(packet.block, packet.payload, now);
    if (packet.op === "oack") this.#handleOack(packet.options, now);
    else if (packet.op === "error") {
      this.handlePeerGone();
      // Once every block is here, nothing that the peer says can undo the file.
      if (!this.#blocks.complete) this.abandon(TftpError.remote(packet.code, packet.message));
    }
    return nothing;
  }

  /** So many blocks that are next need no closer look by `handlePacket`: the middle of a window. */
  get plainBlocks(): number {
    const { block: acked } = this.#said;
    const isPlain = this.received > acked && this.#blocks.inOrder && this.due === undefined;
    return isPlain && !this.outcome ? acked + this.agreed.windowsize - this.received - 1 : 0;
  }

  /** The short way of most that comes: so many of these. */
  handleRun(count: number, now: Millis): void {
    this.#blocks.received += count;
    this.stats.received += count;
    this.#handleNew(now);
  }

  handleRepeatedRequest(now: Millis): void {
    this.countRepeatedRequest();
    if (!this.outcome && !this.answered) this.#answerRepeat(now);
  }

  override handleTimeout(now: Millis): void {
    if (this.timer.deadline === undefined || now < this.timer.deadline) return;
    const waits = !this.outcome && this.due === undefined;
    if (waits && !this.timer.inWindow && !this.mayRepeat(now)) return;
    this.timer.stop(); // what is said now starts it anew, and that may have to wait
    if (waits && this.received > this.#said.block) this.#owe(now);
    else if (waits) this.#said.repeat();
  }

  override pollTransmit(now: Millis): Transmit | undefined {
    if (this.outcome && !this.outcome.ok) return this.takeLastWords();
    if (this.#said.isDue(this.#stored, now)) this.#said.say(this.#stored, this.agreed.rollover);
    const datagram = this.#said.take(now);
    if (!datagram) return undefined;
    this.#blocks.beginWindow();
    this.stats.sent += 1;
    if (this.#said.repeated) this.stats.resent += 1;
    if (this.#said.block === this.last) this.#dally(now);
    else this.timer.start(now);
    return { kind: "control", datagram };
  }

  /** RFC 1350 6: stay a while to repeat the last ACK, for it may be lost. Twice the peer's likely
   * timeout, so that its repeat finds us; however often it repeats, and whatever it chose, no
   * longer than that. */
  #dally(now: Millis): void {
    if (this.outcome) return;
    this.succeed();
    this.timer.deadline = now + Math.min(2 * this.timer.nominalMillis, longestDallyMillis);
  }

  #handleOack(answer: Options, now: Millis): void {
    if (this.outcome || this.asked === undefined) return;
    if (this.received >= 0) this.#answerRepeat(now);
    else if (this.accept(this.asked, answer)) {
      this.#said.say(0, this.agreed.rollover);
      this.#begin();
    }
  }

  #begin(): void {
    this.#said.block = this.#stored = this.#blocks.received = 0;
    this.timer.progress();
  }

  #handleData(wire: number, payload: Uint8Array, now: Millis): readonly Uint8Array[] {
    if (this.outcome?.ok) this.#answerRepeat(now);
    if (this.outcome) return nothing;
    this.stats.received += 1;
    if (this.received < 0) {
      if (wire !== 1) return nothing;
      this.agree({ ...rfc1350, rollover: this.agreed.rollover }); // no OACK: no option holds
      this.#begin();
    }
    // In lock-step only one block can follow 65535: its number shows how the peer rolls over.
    if (this.received === 0xffff && this.agreed.windowsize === 1 && (wire === 0 || wire === 1)) {
      this.agree({ ...this.agreed, rollover: wire });
    }
    const { blksize, windowsize, rollover } = this.agreed;
    if (payload.length > blksize && !this.#blocks.complete) {
      this.abort(new TftpError("ILLEGAL_OPERATION", `DATA longer than ${blksize} bytes`));
      return nothing;
    }
    const windowEnd = this.#said.block + windowsize;
    const block = latestUpTo(windowEnd, wire, rollover);
    if (block > (this.last ?? block)) return nothing;
    const known = this.#blocks.knows(block);
    const payloads = known ? nothing : this.#take(block, payload, now);
    if (known) this.#handleKnown(block, now);
    else if (this.received === windowEnd || this.#blocks.complete) this.#owe(now);
    if (block > this.received && (block === windowEnd || block === this.last)) this.#reportGap(now);
    return payloads;
  }

  #take(block: BlockNumber, payload: Uint8Array, now: Millis): readonly Uint8Array[] {
    const answersOurs = block === this.#said.block + 1 && !this.#said.repeated;
    if (answersOurs) this.timer.measured(now - this.#said.sentAt);
    this.#handleNew(now);
    if (payload.length < this.agreed.blksize) this.#blocks.last = block;
    return this.#blocks.take(block, payload);
  }

  #handleNew(now: Millis): void {
    this.#said.handleNew(now);
    this.timer.progress();
    if (this.due === undefined) this.timer.start(now, this.agreed.windowsize > 1);
  }

  /** A block that we have: our ACK was lost, the network doubled it, or the window is repeated. */
  #handleKnown(block: BlockNumber, now: Millis): void {
    this.stats.duplicates += 1;
    const { deadline, intervalMillis, nominalMillis } = this.timer;
    const lost = this.#said.isLost(now, intervalMillis);
    if (deadline === undefined || this.due !== undefined) return;
    if (lost && block === this.#said.block) this.#said.repeat();
    // A peer that repeats its window is not to be disturbed, but for a plain timeout at most.
    const latest = this.#said.sentAt + nominalMillis;
    this.timer.deadline = Math.max(deadline, Math.min(now + intervalMillis, latest));
  }

  #answerRepeat(now: Millis): void {
    const lost = this.#said.isLost(now, this.timer.intervalMillis);
    if (lost && this.due === undefined) this.#said.repeat();
  }

  #owe(at: Millis): void {
    this.#said.owe(this.received, at);
    this.timer.stop(); // while we owe an ACK, the peer owes us nothing
  }

  /** The window's end is here, but not all before it. Where blocks were seen to overtake each
   * other, the missing ones get half a round trip to come: see the cost table of the simulation. */
  #reportGap(now: Millis): void {
    if (this.due !== undefined) return;
    const overtaken = this.#blocks.overtaken;
    const at = overtaken ? now + (this.timer.roundTrip ?? 0) / 2 : now;
    this.#owe(at);
    if (overtaken) this.timer.deadline = at;
  }
}
