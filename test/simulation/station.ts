// One end of a simulated transfer: a machine with a storage that takes its time. Payloads are tags
// that bear their block number, so a file that arrives can be checked block by block.

import { toWire } from "../../src/core/block-number.ts";
import type { Machine } from "../../src/core/machine.ts";
import type { Rollover } from "../../src/core/options.ts";
import { type BlockNumber, decode, type Millis, type Packet } from "../../src/core/packet.ts";
import type { Receiver } from "../../src/core/receiver.ts";
import type { Sender } from "../../src/core/sender.ts";
import { broken, must } from "./rule.ts";

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

/** The bytes of a file are a formula of their place, so that no content has to be kept. */
function byteOf(block: BlockNumber, at: number): number {
  return ((block >>> ((at & 3) << 3)) + (at >> 2)) & 0xff;
}

export function payloadOf(block: BlockNumber, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at++) payload[at] = byteOf(block, at);
  return payload;
}

export function checkPayload(payload: Uint8Array, block: BlockNumber, bytes: number): void {
  if (payload.length !== bytes) broken(`block ${block} has ${payload.length} bytes, not ${bytes}`);
  for (let at = 0; at < bytes; at++) {
    if (payload[at] !== byteOf(block, at)) broken(`a payload is not that of block ${block}`);
  }
}

/** DATA of full blocks, made once: most files have few. */
const kept: Packet[] = [];
const keptMax = 256;

function dataOf(block: BlockNumber, bytes: number, rollover: Rollover): Packet {
  const keeps = bytes === blksize && block < keptMax;
  const known = keeps ? kept[block] : undefined;
  if (known) return known;
  const payload = payloadOf(block, bytes);
  const packet: Packet = { op: "data", block: toWire(block, rollover), payload };
  if (keeps) kept[block] = packet;
  return packet;
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
    const { nextTimeout = Number.POSITIVE_INFINITY } = this.machine;
    must(nextTimeout > now, "a deadline that has passed stands for ever");
    if (this.storageDoneAt === undefined) this.tend(now);
  }
}

export class SendingStation extends OurStation {
  readonly machine: Sender;
  readonly file: File;
  #ready: BlockNumber = 0;
  #filledUpTo: BlockNumber = 0;
  /** The blocks of the last batch that are still to go. */
  #next: BlockNumber = 1;
  #end: BlockNumber = 0;

  constructor(machine: Sender, file: File, delay: Delay) {
    super(delay);
    this.machine = machine;
    this.file = file;
  }

  override handlePacket(packet: Packet, now: Millis): void {
    if (packet.op !== "rrq") this.machine.prove();
    if (packet.op === "rrq") this.machine.handleRepeatedRequest(now);
    else must(this.machine.handlePacket(packet, now).length === 0, "a Sender takes no DATA");
  }

  override poll(now: Millis): Packet | undefined {
    if (this.#next <= this.#end) return this.#data(this.#next++);
    const { machine } = this;
    const transmit = machine.pollTransmit(now, 16);
    if (transmit === undefined) return undefined;
    if (transmit.kind !== "blocks") return decode(transmit.datagram);
    const { first, count } = transmit;
    const end = first + count - 1;
    must(count > 0 && count <= 16, "a batch is as large as was asked for");
    must(first > machine.acked, "nothing is sent that was acknowledged");
    must(end <= machine.acked + machine.agreed.windowsize, "one window is in flight");
    must(end <= this.#ready, "nothing is sent that is not at hand");
    this.#end = end;
    this.#next = first + 1;
    return this.#data(first);
  }

  #data(block: BlockNumber): Packet {
    const { blksize, rollover } = this.machine.agreed;
    return dataOf(block, block === this.file.blocks ? this.file.lastBytes : blksize, rollover);
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
    const { blksize } = this.machine.agreed;
    checkPayload(payload, this.#taken, this.#taken === blocks ? lastBytes : blksize);
    must(this.#taken <= blocks, "no block comes after the last one");
  }

  override poll(now: Millis): Packet | undefined {
    const transmit = this.machine.pollTransmit(now);
    if (transmit === undefined) return undefined;
    if (transmit.kind !== "control") broken("a Receiver sends no blocks");
    const packet = decode(transmit.datagram);
    if (packet.op === "ack" && packet.block > 0) {
      const stored = toWire(this.#stored, this.machine.agreed.rollover);
      if (this.#stored < 0xffff) must(packet.block <= stored, "an ACK says: stored");
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
