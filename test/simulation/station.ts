// One end of a simulated transfer: a machine with a storage that takes its time. Payloads are tags
// that bear their block number, so a file that arrives can be checked block by block.

import assert from "node:assert/strict";
import { toWire } from "../../src/core/block-number.ts";
import type { Machine, Transmit } from "../../src/core/machine.ts";
import { type BlockNumber, decode, type Millis, type Packet } from "../../src/core/packet.ts";
import type { Receiver } from "../../src/core/receiver.ts";
import type { Sender } from "../../src/core/sender.ts";

/** What takes part in a simulated transfer; ours or a foreign one. */
export interface Station {
  handlePacket(packet: Packet, now: Millis): void;
  /** Timers and storage. */
  wake(now: Millis): void;
  readonly nextWake: Millis | undefined;
  /** What is to be sent next; to be asked until it returns undefined. */
  poll(now: Millis): Packet | undefined;
  /** It will send nothing more of itself. */
  readonly finished: boolean;
}

/** How many blocks a file has, and the size of the last one in bytes. */
export interface File {
  readonly blocks: BlockNumber;
  readonly lastBytes: number;
}

/** The blocks of simulated files are small, as nobody looks at their content. */
export const blksize = 8;

/** How long the next use of the storage takes. */
export type Delay = (purpose: "read" | "write" | "commit") => Millis;

export const noDelay: Delay = () => 0;

/** Every payload of a file is a view of such bytes: its block number and padding. */
export function payloadOf(block: BlockNumber, bytes: number): Uint8Array {
  const payload = new Uint8Array(Math.max(8, bytes));
  new DataView(payload.buffer).setFloat64(0, block);
  return payload.subarray(0, bytes);
}

export function assertPayload(payload: Uint8Array, block: BlockNumber, bytes: number): void {
  assert.equal(payload.length, bytes, `block ${block} has its size`);
  if (bytes < 8) return;
  const found = new DataView(payload.buffer, payload.byteOffset).getFloat64(0);
  assert.equal(found, block, "the payload belongs to its block");
}

abstract class OurStation implements Station {
  abstract readonly machine: Machine;
  protected readonly delay: Delay;
  protected storageDoneAt: Millis | undefined;

  constructor(delay: Delay) {
    this.delay = delay;
  }

  abstract handlePacket(packet: Packet, now: Millis): void;
  protected abstract tend(now: Millis): void;
  protected abstract storageDone(): void;
  abstract poll(now: Millis): Packet | undefined;

  get nextWake(): Millis | undefined {
    const { nextTimeout } = this.machine;
    if (this.storageDoneAt === undefined) return nextTimeout;
    return Math.min(this.storageDoneAt, nextTimeout ?? Number.POSITIVE_INFINITY);
  }

  get finished(): boolean {
    return this.machine.outcome !== undefined && this.machine.nextTimeout === undefined;
  }

  wake(now: Millis): void {
    if (this.storageDoneAt !== undefined && this.storageDoneAt <= now) {
      this.storageDoneAt = undefined;
      this.storageDone();
    }
    this.machine.handleTimeout(now);
    if (this.storageDoneAt === undefined) this.tend(now);
  }
}

export class SendingStation extends OurStation {
  readonly machine: Sender;
  readonly file: File;
  /** How often each block went out. */
  readonly sentTimes: number[] = [];
  #ready: BlockNumber = 0;
  #filledUpTo: BlockNumber = 0;
  #run: { next: BlockNumber; end: BlockNumber } = { next: 1, end: 0 };

  constructor(machine: Sender, file: File, delay: Delay) {
    super(delay);
    this.machine = machine;
    this.file = file;
  }

  override handlePacket(packet: Packet, now: Millis): void {
    if (packet.op !== "rrq") this.machine.prove();
    if (packet.op === "rrq") this.machine.handleRepeatedRequest(now);
    else assert.ok(this.machine.handlePacket(packet, now).length === 0, "a Sender takes no DATA");
  }

  override poll(now: Millis): Packet | undefined {
    if (this.#run.next <= this.#run.end) return this.#data(this.#run.next++);
    const { machine } = this;
    const transmit = machine.pollTransmit(now, 16);
    if (transmit?.kind !== "blocks") return transmit && decode(transmit.datagram);
    const { first, count } = transmit.range;
    const end = first + count - 1;
    assert.ok(count > 0 && count <= 16, "a batch is as large as was asked for");
    assert.ok(first > machine.acked, "nothing is sent that was acknowledged");
    assert.ok(end <= machine.acked + machine.agreed.windowsize, "one window is in flight");
    assert.ok(end <= this.#ready, "nothing is sent that is not at hand");
    this.#run = { next: first, end };
    return this.poll(now);
  }

  #data(block: BlockNumber): Packet {
    const { blksize, rollover } = this.machine.agreed;
    this.sentTimes[block] = (this.sentTimes[block] ?? 0) + 1;
    const bytes = block === this.file.blocks ? this.file.lastBytes : blksize;
    return { op: "data", block: toWire(block, rollover), payload: payloadOf(block, bytes) };
  }

  protected override tend(now: Millis): void {
    const { wanted } = this.machine;
    if (wanted <= this.#ready || this.#ready === this.file.blocks) return;
    this.#filledUpTo = Math.min(wanted, this.file.blocks);
    this.storageDoneAt = now + this.delay("read");
    if (this.storageDoneAt === now) this.wake(now);
  }

  protected override storageDone(): void {
    this.#ready = this.#filledUpTo;
    const { blocks } = this.file;
    this.machine.handleReady(this.#ready, this.#ready === blocks ? blocks : undefined);
  }
}

export class ReceivingStation extends OurStation {
  readonly machine: Receiver;
  readonly file: File;
  #taken: BlockNumber = 0;
  #writtenUpTo: BlockNumber = 0;
  #stored: BlockNumber = 0;

  constructor(machine: Receiver, file: File, delay: Delay) {
    super(delay);
    this.machine = machine;
    this.file = file;
  }

  /** The whole file is here, in order, and committed. */
  get whole(): boolean {
    return this.#stored === this.file.blocks;
  }

  override handlePacket(packet: Packet, now: Millis): void {
    if (packet.op !== "wrq") this.machine.prove();
    if (packet.op === "wrq") this.machine.handleRepeatedRequest(now);
    else for (const payload of this.machine.handlePacket(packet, now)) this.#take(payload);
  }

  #take(payload: Uint8Array): void {
    this.#taken += 1;
    const { blocks, lastBytes } = this.file;
    assertPayload(
      payload,
      this.#taken,
      this.#taken === blocks ? lastBytes : this.machine.agreed.blksize,
    );
    assert.ok(this.#taken <= blocks, "no block comes after the last one");
  }

  override poll(now: Millis): Packet | undefined {
    const transmit: Transmit | undefined = this.machine.pollTransmit(now);
    if (transmit === undefined) return undefined;
    assert.equal(transmit.kind, "control", "a Receiver sends no blocks");
    const packet = decode((transmit as { datagram: Uint8Array }).datagram);
    if (packet.op === "ack" && packet.block > 0) {
      const stored = toWire(this.#stored, this.machine.agreed.rollover);
      if (this.#stored < 0xffff) assert.ok(packet.block <= stored, "an ACK says: stored");
    }
    return packet;
  }

  protected override tend(now: Millis): void {
    if (this.#taken === this.#writtenUpTo || this.machine.outcome?.ok === false) return;
    this.#writtenUpTo = this.#taken;
    const commitMillis = this.#taken === this.file.blocks ? this.delay("commit") : 0;
    this.storageDoneAt = now + this.delay("write") + commitMillis;
    if (this.storageDoneAt === now) this.wake(now);
  }

  protected override storageDone(): void {
    this.#stored = this.#writtenUpTo;
    this.machine.handleStored(this.#stored);
  }
}
