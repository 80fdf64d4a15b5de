// One file, one direction, one pair of TIDs: where a machine, the content, a socket and a clock
// meet. Knows neither client nor server; whoever begins a transfer is told of its end.

import { TftpError } from "../core/errors.ts";
import type { BlockRange, Outcome, Transmit } from "../core/machine.ts";
import type { Millis, Packet } from "../core/packet.ts";
import type { Receiver } from "../core/receiver.ts";
import { Run } from "../core/run.ts";
import type { Sender } from "../core/sender.ts";
import type { Address, DatagramSocket } from "../ports.ts";
import type { Deadline } from "./deadlines.ts";
import type { Pacer } from "./pace.ts";
import type { Peer } from "./peer.ts";
import type { Scheduler, Task } from "./scheduler.ts";

/** So long who has ended waits for a full socket: it may never have room again. */
const roomMillis: Millis = 1000;

function noRoom(): TftpError {
  return new TftpError("NETWORK", "the network takes no more packets", {
    hint: "Nothing could leave this machine for a long time: look at its network.",
  });
}

/** What can be told of a transfer at any time. */
export interface Tally {
  readonly blksize: number;
  readonly windowsize: number;
  /** Payload bytes that have reached the other side, or that are stored on this one. */
  readonly bytes: number;
  readonly durationMillis: Millis;
  /** Packets that were sent more than once, and packets that told nothing new. */
  readonly resent: number;
  readonly duplicates: number;
  /** Smoothed (RFC 6298), once one was measured. */
  readonly roundTripMillis?: Millis;
}

export interface TransferParts {
  readonly socket: DatagramSocket;
  readonly peer: Peer;
  readonly scheduler: Scheduler;
  /** Holds DATA back, where a rate is set. */
  readonly pacer?: Pacer | undefined;
  /** Whenever content has moved. */
  readonly onProgress?: (bytes: number) => void;
  /** The outcome is final and the content put away; the last ACK may still have to be repeated. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** Nothing more will be sent: the socket may go. */
  readonly onDone: () => void;
}

export abstract class Transfer implements Task {
  deadline: Deadline | undefined;
  abstract readonly machine: Sender | Receiver;
  protected readonly parts: TransferParts;
  readonly #startedAt: Millis;
  #heardAt: Millis;
  #state: "running" | "closing" | "lingering" | "done" = "running";
  #mayLinger = true;
  /** So long a full socket is waited for. */
  #roomUntil: Millis | undefined;
  #waitsForRoom = true;

  constructor(parts: TransferParts) {
    this.parts = parts;
    this.#startedAt = this.#heardAt = parts.scheduler.clock.now();
    parts.socket.onWritable = () => this.wake();
    parts.socket.onError = (cause) => this.#handleSendError(cause);
  }

  get peer(): Address {
    return this.parts.peer.address;
  }

  get tally(): Tally {
    const { agreed, stats, roundTripMillis } = this.machine;
    const tally: { -readonly [key in keyof Tally]: Tally[key] } = {
      blksize: agreed.blksize,
      windowsize: agreed.windowsize,
      bytes: this.bytes,
      durationMillis: this.ageMillis,
      resent: stats.resent,
      duplicates: stats.duplicates,
    };
    if (roundTripMillis !== undefined) tally.roundTripMillis = roundTripMillis;
    return tally;
  }

  get ageMillis(): Millis {
    return this.parts.scheduler.clock.now() - this.#startedAt;
  }

  /** Since the peer was last heard, or since the start. */
  get silentMillis(): Millis {
    return this.parts.scheduler.clock.now() - this.#heardAt;
  }

  get nextTimeout(): Millis | undefined {
    const { nextTimeout } = this.machine;
    return this.#roomUntil === undefined
      ? nextTimeout
      : Math.min(nextTimeout ?? Number.POSITIVE_INFINITY, this.#roomUntil);
  }

  /** Payload bytes that have reached the other side, or that are stored on this one. */
  abstract readonly bytes: number;
  /** Sees that reading or writing goes on. */
  protected abstract tend(): void;
  /** Takes payloads that are in order. */
  protected abstract take(payloads: readonly Uint8Array[]): void;
  /** Of who sends blocks. */
  protected sendBlocks(_range: BlockRange): void {}
  /** Puts the content away: closes the source, or discards what was not committed. A promise is
   * waited for. */
  protected abstract close(): Promise<void> | undefined;
  /** Asked when the transfer is to end, with or without a word to the peer. False: how it ends is
   * being decided already. */
  protected mayFail(_aloud: boolean): boolean {
    return true;
  }

  begin(): void {
    this.wake();
  }

  handleDatagram(datagram: Uint8Array, from: Address): void {
    const { peer, socket, scheduler } = this.parts;
    const now = scheduler.clock.now();
    const packet = peer.admit(datagram, from, socket, now);
    if (!packet) return;
    this.machine.prove();
    this.#handlePacket(packet, now);
  }

  /** A packet of the peer that came to where anybody knows to send it, so that it may be forged:
   * it is heard, but proves nothing. */
  handleUnproven(packet: Packet): void {
    this.#handlePacket(packet, this.parts.scheduler.clock.now());
  }

  protected heard(now: Millis): void {
    this.#heardAt = now;
  }

  #handlePacket(packet: Packet, now: Millis): void {
    this.#heardAt = now;
    const payloads = this.machine.handlePacket(packet, now);
    if (payloads.length > 0) this.take(payloads);
    this.parts.scheduler.run(this, now);
  }

  /** The peer's request came once more. */
  handleRepeatedRequest(): void {
    this.machine.handleRepeatedRequest(this.parts.scheduler.clock.now());
    this.wake();
  }

  /** Ends with an ERROR; what has ended already does not stay to repeat its last ACK. */
  abort(error: TftpError): void {
    this.#mayLinger = false;
    if (this.mayFail(true)) this.machine.abort(error);
    this.wake();
  }

  /** The same without a word to the peer. */
  abandon(error: TftpError): void {
    this.#mayLinger = false;
    if (this.mayFail(false)) this.machine.abandon(error);
    this.wake();
  }

  /** One turn sends at most one batch, so that no transfer starves another. */
  turn(now: Millis): boolean {
    const { socket } = this.parts;
    this.machine.handleTimeout(now);
    // What waits in the socket's queue is a view of our blocks: none may be released under it.
    if (socket.writable) this.#roomUntil = undefined;
    else if (this.#waitsForRoom && this.#needsRoom(now)) return false;
    this.tend();
    for (let left = socket.maxSegments; left > 0; ) {
      const transmit = this.poll(now, left);
      if (!transmit) return this.#settle();
      if (transmit.kind === "control") {
        socket.send(Run.of(transmit.datagram), this.peer);
        left -= 1;
      } else {
        this.sendBlocks(transmit);
        left -= transmit.count;
      }
    }
    return true;
  }

  /** A network that takes nothing is given up as a peer that says nothing. */
  #needsRoom(now: Millis): boolean {
    const latest = now + (this.machine.outcome ? roomMillis : this.machine.patienceMillis);
    this.#roomUntil = Math.min(this.#roomUntil ?? latest, latest);
    if (now < this.#roomUntil) return true;
    this.#roomUntil = undefined;
    if (!this.machine.outcome && this.mayFail(false)) this.machine.abandon(noRoom());
    this.#waitsForRoom = this.machine.outcome === undefined;
    return this.#waitsForRoom;
  }

  /** What the machine sends next; who paces it may send less at once. */
  protected poll(now: Millis, maxBlocks: number): Transmit | undefined {
    return this.machine.pollTransmit(now, maxBlocks);
  }

  protected wake(): void {
    this.parts.scheduler.run(this);
  }

  protected progressed(): void {
    this.parts.onProgress?.(this.bytes);
  }

  /** While nobody has answered, what the system says is all there is to know. Later the timers
   * decide: a full buffer or a route that is gone for a second costs one repeat. */
  #handleSendError(cause: Error): void {
    if (this.machine.answered) return;
    this.abandon(new TftpError("NETWORK", "the network refused a packet", { cause }));
  }

  #tell(outcome: Outcome): void {
    this.#state = "lingering";
    this.parts.onOutcome(outcome);
    this.wake();
  }

  #settle(): false {
    const { outcome } = this.machine;
    if (!outcome || this.#state === "closing" || this.#state === "done") return false;
    if (this.#state === "running") {
      this.#state = "closing";
      const closed = (): void => this.#tell(outcome);
      const closing = this.close();
      // Content that cannot even be put away changes nothing any more.
      if (closing) void closing.then(closed, closed);
      else closed();
    } else if (this.machine.nextTimeout === undefined || !this.#mayLinger) {
      this.#state = "done";
      this.parts.onDone();
    }
    return false;
  }
}
