// What Sender and Receiver have in common: how they are set up, asked, and how they end.
// A machine knows block numbers and time; no bytes of DATA, no addresses, no client or server.

import { TftpError } from "./errors.ts";
import { type Agreed, acceptAnswer } from "./options.ts";
import { type BlockNumber, encode, type Millis, type Options, type Packet } from "./packet.ts";
import { type Patience, RetransmissionTimer } from "./retransmission.ts";

export interface BlockRange {
  readonly first: BlockNumber;
  readonly count: number;
}

export type Transmit =
  | { readonly kind: "control"; readonly datagram: Uint8Array } // RRQ, WRQ, ACK, OACK, ERROR
  | ({ readonly kind: "blocks" } & BlockRange); // DATA, named but not held

export type Outcome = { readonly ok: true } | { readonly ok: false; readonly error: TftpError };

/** Counters of packets and blocks since the start of the transfer. */
export interface Stats {
  sent: number;
  /** Of `sent`: DATA, ACKs and openings that had been sent before. */
  resent: number;
  received: number;
  /** Of `received`: DATA or ACKs that told nothing new. */
  duplicates: number;
}

export interface Setup extends Patience {
  /** Block 0: the RRQ, WRQ, OACK or ACK 0. A Sender without one may begin with block 1 at once. */
  readonly opening?: Uint8Array | undefined;
  /** The options of our request, when we are the client: its answer decides what holds. */
  readonly asked?: Options | undefined;
  /** What holds; for a client, until the answer says more. */
  readonly agreed: Agreed;
  /** ERROR codes that the peer takes otherwise than they are meant, and what is sent instead. */
  readonly errorCodes?: ReadonlyMap<number, number> | undefined;
}

export abstract class Machine {
  readonly stats: Stats = { sent: 0, resent: 0, received: 0, duplicates: 0 };
  protected readonly asked: Options | undefined;
  protected readonly timer: RetransmissionTimer;
  readonly #unprovenMax: number;
  /** Up to so many packets may have been sent by now. */
  #granted: number;
  #mute = false;
  #agreed: Agreed;
  #outcome: Outcome | undefined;
  #lastWords: Uint8Array | undefined;
  #peerGone = false;
  readonly #errorCodes: ReadonlyMap<number, number> | undefined;

  constructor(setup: Setup, floorMillis: Millis) {
    this.asked = setup.asked;
    this.timer = new RetransmissionTimer(setup, floorMillis);
    this.#granted = this.#unprovenMax = setup.unprovenMax ?? Number.POSITIVE_INFINITY;
    this.#agreed = setup.agreed;
    this.#errorCodes = setup.errorCodes;
    this.timer.agree(setup.agreed.exactTimeoutMillis);
  }

  /** Takes a packet of the peer; returns the payloads that are now in order. */
  abstract handlePacket(packet: Packet, now: Millis): readonly Uint8Array[];
  /** Harmless when early. */
  abstract handleTimeout(now: Millis): void;
  /** What is to be sent next; to be asked until it returns undefined. */
  abstract pollTransmit(now: Millis, maxBlocks: number): Transmit | undefined;
  /** The peer has answered the opening: both ends know of each other. */
  abstract readonly answered: boolean;

  /** The peer has shown that it receives what we send, and did not only claim an address. */
  prove(): void {
    this.#granted = Number.POSITIVE_INFINITY;
    this.#mute = false;
  }

  /** The peer has proved nothing, has not answered in time, and gets nothing more. */
  get mute(): boolean {
    return this.#mute && this.#outcome === undefined;
  }

  get proven(): boolean {
    return this.#granted === Number.POSITIVE_INFINITY;
  }

  get agreed(): Agreed {
    return this.#agreed;
  }

  /** Set once. The last acknowledgement may still be repeated until `nextTimeout` is undefined. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** It has sent an ERROR: none of ours may follow. */
  get peerGone(): boolean {
    return this.#peerGone;
  }

  /** Absolute; undefined while nothing is expected of the peer. */
  get nextTimeout(): Millis | undefined {
    return this.timer.deadline;
  }

  get roundTripMillis(): Millis | undefined {
    return this.timer.roundTrip;
  }

  /** So long, at most, a silent peer is waited for. */
  get patienceMillis(): Millis {
    return this.timer.givenUpMillis;
  }

  /** Our side gives up: one ERROR goes out, unless there is nobody yet to tell. */
  abort(error: TftpError): void {
    if (this.answered || this.asked === undefined) this.refuse(error);
    else this.abandon(error);
  }

  /** What the peer sent ends the transfer: one ERROR tells it so. */
  protected refuse(error: TftpError): void {
    if (this.#outcome) return;
    const code = this.#errorCodes?.get(error.wireCode) ?? error.wireCode;
    // An ERROR is never answered by an ERROR (RFC 1350 7).
    if (!this.#peerGone) this.#lastWords = encode({ op: "error", code, message: error.message });
    this.#end({ ok: false, error });
  }

  /** Its ERROR also silences one of ours that waits to go out. */
  protected handlePeerGone(): void {
    this.#peerGone = true;
    this.#lastWords = undefined;
  }

  succeed(): void {
    if (!this.#outcome) this.#end({ ok: true });
  }

  /** Ends without a word: the peer gave up or is gone. */
  abandon(error: TftpError): void {
    if (!this.#outcome) this.#end({ ok: false, error });
  }

  /** The peer's request came once more, and pays for as many packets as the first. */
  protected countRepeatedRequest(): void {
    this.stats.duplicates += 1;
    if (this.proven || this.answered) return;
    this.#granted = this.stats.sent + this.#unprovenMax;
    this.#mute = false;
    this.timer.progress();
  }

  /** The deadline has passed. False: the attempts are used up, or what may go to a peer that has
   * proved nothing; then patience goes on in silence. */
  protected mayRepeat(now: Millis): boolean {
    if (!this.timer.expired()) {
      const message = this.answered ? "the peer stopped answering" : "no answer";
      this.abandon(new TftpError("TIMED_OUT", message));
    } else if (this.stats.sent < this.#granted) return true;
    else {
      this.#mute = true;
      this.timer.start(now);
    }
    return false;
  }

  /** The answer to our own request: what it says holds, or it ends the transfer. */
  protected accept(asked: Options, answer: Options): boolean {
    try {
      const agreed = acceptAnswer(asked, answer);
      this.agree(answer.has("rollover") ? agreed : { ...agreed, rollover: this.#agreed.rollover });
      return true;
    } catch (refused) {
      this.refuse(TftpError.from(refused));
      return false;
    }
  }

  protected agree(agreed: Agreed): void {
    this.#agreed = agreed;
    this.timer.agree(agreed.exactTimeoutMillis);
  }

  protected takeLastWords(): Transmit | undefined {
    if (!this.#lastWords) return undefined;
    const datagram = this.#lastWords;
    this.#lastWords = undefined;
    this.stats.sent += 1;
    return { kind: "control", datagram };
  }

  #end(outcome: Outcome): void {
    this.#outcome = outcome;
    this.timer.stop();
  }
}

export const nothing: readonly Uint8Array[] = [];
