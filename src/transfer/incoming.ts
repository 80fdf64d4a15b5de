// Drives a Receiver: payloads go to a sink, and are acknowledged when they are stored there. The
// acknowledgement of the last block waits for the sink's commit. Knows nothing of requests.

import { toWire } from "../core/block-number.ts";
import { closeUp, countBlocks } from "../core/data-run.ts";
import { TftpError } from "../core/errors.ts";
import { dataHeaderBytes, type Millis } from "../core/packet.ts";
import type { Receiver } from "../core/receiver.ts";
import type { Run } from "../core/run.ts";
import type { Address, Sink } from "../ports.ts";
import { Transfer, type TransferParts } from "./transfer.ts";

/** So much does not wait for the window's end. */
const batchBytes = 64 * 1024;
/** So long who is to end waits for a commit that has begun. */
const commitMillis: Millis = 60_000;

export interface Bounds {
  readonly bytesMax?: number | undefined;
  /** How long its end waits until what it brought is put away. Default: as long as it takes. Who
   * sets it leaves the sink alone from then on: it may still be in use. */
  readonly putAwayMillis?: Millis;
}

export class Incoming extends Transfer {
  override readonly machine: Receiver;
  readonly #sink: Sink;
  readonly #bytesMax: number;
  readonly #putAwayMillis: Millis | undefined;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #waitingBlocks = 0;
  #storing: Promise<void> | undefined;
  #stored = 0;
  #agreed = false;
  #bytes = 0;
  #commitBegun = false;
  #committed = false;
  /** Nobody is to hear how the commit ends. */
  #unheard = false;
  /** Who is to end has waited long enough for the commit, and leaves it alone. */
  #left = false;
  /** Set while somebody waits so. */
  #stay: (() => void) | undefined;

  constructor(parts: TransferParts, machine: Receiver, sink: Sink, bounds: Bounds = {}) {
    super(parts);
    this.machine = machine;
    this.#sink = sink;
    this.#bytesMax = bounds.bytesMax ?? Number.POSITIVE_INFINITY;
    this.#putAwayMillis = bounds.putAwayMillis;
  }

  override get bytes(): number {
    return this.#bytes;
  }

  protected override take(payloads: readonly Uint8Array[]): void {
    for (const payload of payloads) this.#add(payload, 1);
  }

  protected override tend(): void {
    if (!this.#agreed && this.machine.received >= 0) this.#handleAgreed();
    if (this.#waiting.length === 0 || this.machine.outcome || this.#storing) return;
    // Blocks go to the sink in batches; at the latest when the peer waits for their ACK.
    if (this.machine.due === undefined && this.#waitingBytes < batchBytes) return;
    if (!this.#storeAtOnce()) this.#storing = this.#store();
  }

  /** The opening is answered: what holds is known. */
  #handleAgreed(): void {
    this.#agreed = true;
    const { blksize, windowsize, tsize = 0 } = this.machine.agreed;
    if (tsize > this.#bytesMax) this.machine.abort(tooLarge(this.#bytesMax));
    // In lock-step there is nothing to join but copies.
    if (windowsize === 1) return;
    const { socket } = this.parts;
    socket.joinReceived(blksize + dataHeaderBytes, (run, from) => this.#handleJoined(run, from));
  }

  #handleJoined(run: Run, from: Address): void {
    for (let rest = run; rest.length > 0; ) {
      const taken = this.parts.peer.is(from) ? this.#takeRun(rest) : 0;
      if (taken === 0) this.handleDatagram(rest.part(0, rest.segmentSize).bytes, from);
      rest = rest.part(Math.max(1, taken) * rest.segmentSize, Number.POSITIVE_INFINITY);
    }
  }

  /** Most of a window needs no closer look. Returns how many blocks were taken. */
  #takeRun(run: Run): number {
    const { plainBlocks, received, agreed } = this.machine;
    const taken = countBlocks(run, toWire(received + 1, agreed.rollover), plainBlocks);
    if (taken === 0) return 0;
    const now = this.parts.scheduler.clock.now();
    this.machine.handleRun(taken, now);
    this.heard(now);
    this.#add(closeUp(run, taken), taken);
    if (this.#waitingBytes >= batchBytes) this.wake();
    else this.parts.scheduler.watch(this);
    return taken;
  }

  #add(payload: Uint8Array, blocks: number): void {
    this.#waiting.push(payload);
    this.#waitingBytes += payload.length;
    this.#waitingBlocks += blocks;
  }

  /** False where somebody must be waited for, as with the last block. */
  #storeAtOnce(): boolean {
    const batch = this.#waiting;
    const stored = this.#stored + this.#waitingBlocks;
    const bytes = this.#bytes + this.#waitingBytes;
    if (stored === this.machine.last || bytes > this.#bytesMax) return false;
    if (!this.#sink.writeAtOnce?.(batch)) return false;
    this.#waiting = [];
    this.#waitingBytes = this.#waitingBlocks = 0;
    this.#stored = stored;
    this.#bytes = bytes;
    this.machine.handleStored(stored);
    this.progressed();
    return true;
  }

  async #store(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.machine.outcome) await this.#storeBatch();
    } catch (thrown) {
      const error = TftpError.from(thrown);
      if (this.#unheard) this.machine.abandon(error);
      else this.machine.abort(error);
    }
    this.#storing = undefined;
    this.wake();
  }

  async #storeBatch(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    const stored = this.#stored + this.#waitingBlocks;
    this.#bytes += this.#waitingBytes;
    this.#waitingBytes = this.#waitingBlocks = 0;
    if (this.#bytes > this.#bytesMax) throw tooLarge(this.#bytesMax);
    await this.#sink.writev(batch);
    this.#stored = stored;
    if (this.#stored === this.machine.last && !this.machine.outcome) {
      this.#commitBegun = true;
      await this.#commit();
    }
    if (this.#unheard) this.machine.succeed();
    else this.machine.handleStored(this.#stored);
    this.progressed();
    this.wake();
  }

  async #commit(): Promise<void> {
    try {
      await this.#sink.commit();
      this.#committed = true;
    } finally {
      this.#stay?.();
    }
  }

  /** Once the commit has begun it alone decides: who was told of a failure would find the file
   * stored after all. */
  protected override mayFail(aloud: boolean): boolean {
    if (this.#commitBegun && !aloud) this.#unheard = true;
    // Only its ACK has not gone out yet.
    if (this.#committed) this.machine.succeed();
    else if (this.#commitBegun) this.#stay ??= this.#leaveLater();
    return !this.#commitBegun;
  }

  #leaveLater(): () => void {
    const { clock } = this.parts.scheduler;
    return clock.at(clock.now() + commitMillis, () => {
      this.#left = true;
      this.machine.abandon(notSaid());
      this.wake();
    });
  }

  protected override async close(): Promise<void> {
    const putAway = this.#putAway();
    if (this.#left) return void putAway.catch(() => {});
    const millis = this.#putAwayMillis;
    if (this.#commitBegun || millis === undefined) return putAway;
    const { clock } = this.parts.scheduler;
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = clock.at(clock.now() + millis, resolve);
    });
    await Promise.race([putAway, late]).finally(cancel);
  }

  async #putAway(): Promise<void> {
    await this.#storing;
    if (!this.#committed) await this.#sink.discard();
  }
}

/** Whoever calls us may not have our types. */
export function isSink(sink: Partial<Sink> | undefined): boolean {
  const calls = [sink?.writev, sink?.commit, sink?.discard];
  return calls.every((call) => typeof call === "function");
}

export function tooLarge(bytesMax: number): TftpError {
  return new TftpError("TOO_LARGE", `more than ${bytesMax} bytes`);
}

function notSaid(): TftpError {
  return new TftpError("STORAGE", "the storage does not say whether the file is stored", {
    hint: "It may still appear; look at what the storage waits for.",
  });
}
