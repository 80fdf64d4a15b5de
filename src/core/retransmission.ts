// When to repeat what was not answered (RFC 6298, RFC 2349). Knows time; not what is repeated.

import type { Millis } from "./packet.ts";

export interface Patience {
  /** The first interval while no round trip is known, and the unit in which patience is counted. */
  readonly timeoutMillis: Millis;
  /** No interval is longer. Default: eight times `timeoutMillis`. */
  readonly longestMillis?: Millis | undefined;
  /** How often an unanswered packet is repeated before the peer is given up. */
  readonly attempts: number;
  /** The same until the first block has moved, for a client that may ask otherwise then. Default:
   * `attempts`. */
  readonly openingAttempts?: number | undefined;
  /** 0 to 1, drawn once a transfer: spreads the timers of many transfers and of both ends of
   * one. */
  readonly jitter: number;
  /** How many packets go to a peer that has proved nothing; its repeated request grants as many
   * anew. Default: no bound but `attempts`. */
  readonly unprovenMax?: number | undefined;
}

/** Intervals double from repeat to repeat, by default up to so many times `timeoutMillis`. */
const longestTimeouts = 8;
const jitterShare = 0.125;
/** A window leaves its Sender at once: after such a pause in the middle, the rest of it is lost. */
const pauseMillis = 20;

export class RetransmissionTimer {
  deadline: Millis | undefined;
  /** The deadline is a short one, for the rest of a window. */
  inWindow = false;
  /** The shortest round trip seen, 0 before the first: nothing is answered sooner. */
  roundTripMin: Millis = 0;

  readonly #patience: Patience;
  readonly #floorMillis: Millis;
  #exactMillis: Millis | undefined;
  #smoothed: Millis | undefined;
  #deviation: Millis = 0;
  /** Doubles from repeat to repeat. */
  #backOff = 1;
  #counted = 0;
  /** The first answers the opening, the second moves a block. */
  #steps = 0;
  #attempts: number;
  /** Since when nothing new has come, while the peer is waited for. */
  #waitingSince: Millis | undefined;

  /** `floorMillis`: no interval is shorter, however fast the path. */
  constructor(patience: Patience, floorMillis: Millis) {
    this.#patience = patience;
    this.#attempts = patience.openingAttempts ?? patience.attempts;
    this.#floorMillis = floorMillis;
  }

  /** A negotiated timeout (RFC 2349) holds exactly: no measuring, no back-off, no jitter. */
  agree(exactMillis: Millis | undefined): void {
    this.#exactMillis = exactMillis;
  }

  /** How long the peer's answer is waited for now. */
  get intervalMillis(): Millis {
    if (this.#exactMillis !== undefined) return this.#exactMillis;
    const interval = Math.min(this.#baseMillis() * this.#backOff, this.#longestMillis);
    return interval * (1 + jitterShare * this.#patience.jitter);
  }

  /** The timeout that a peer with no knowledge of the path would use. */
  get nominalMillis(): Millis {
    return this.#exactMillis ?? this.#patience.timeoutMillis;
  }

  /** More than the intervals of a silent peer can add up to. */
  get givenUpMillis(): Millis {
    const each = this.#exactMillis ?? (1 + jitterShare) * this.#longestMillis;
    return (this.#attempts + 2) * each;
  }

  get roundTrip(): Millis | undefined {
    return this.#smoothed;
  }

  /** However often the wait is begun anew, because the peer repeats what we have: one that brings
   * nothing new is given up, a little later than one that is silent. `inWindow`: the peer is in the
   * middle of a window, and need not be asked to go on. */
  start(now: Millis, inWindow = false): void {
    this.#waitingSince ??= now;
    this.deadline = Math.min(now + this.intervalMillis, this.#waitingSince + this.givenUpMillis);
    this.inWindow = inWindow && this.#exactMillis === undefined && this.#smoothed !== undefined;
    if (!this.inWindow) return;
    const pause = Math.max(pauseMillis, 2 * (this.#smoothed ?? 0));
    this.deadline = Math.min(this.deadline, now + pause);
  }

  stop(): void {
    this.deadline = undefined;
    this.inWindow = false;
  }

  /** The peer went on: patience starts anew. */
  progress(): void {
    this.#backOff = 1;
    this.#counted = 0;
    if (++this.#steps === 2) this.#attempts = this.#patience.attempts;
    this.#waitingSince = undefined;
  }

  /** A round trip of something that was sent just once (Karn's rule is the caller's duty). */
  measured(roundTrip: Millis): void {
    if (this.#smoothed === undefined) {
      this.#smoothed = roundTrip;
      this.#deviation = roundTrip / 2;
      this.answered(roundTrip);
      return;
    }
    // RFC 6298 2.3: alpha = 1/8, beta = 1/4.
    this.#deviation += (Math.abs(this.#smoothed - roundTrip) - this.#deviation) / 4;
    this.#smoothed += (roundTrip - this.#smoothed) / 8;
    this.answered(roundTrip);
  }

  /** A part of a window was answered: no round trip of the whole, but nothing comes sooner. */
  answered(roundTrip: Millis): void {
    const shortest = this.roundTripMin === 0 ? roundTrip : this.roundTripMin;
    this.roundTripMin = Math.min(shortest, roundTrip);
  }

  /** The deadline has passed. True: repeat; false: the attempts are used up. */
  expired(): boolean {
    const since = this.#waitingSince;
    if (since !== undefined && (this.deadline ?? 0) >= since + this.givenUpMillis) return false;
    // Repeats that come sooner than a plain timeout are a courtesy of a measured path: a device
    // that writes to its flash for seconds must not lose its attempts to them.
    if (this.intervalMillis >= this.nominalMillis) this.#counted += 1;
    this.#backOff *= 2;
    this.stop();
    return this.#counted <= this.#attempts;
  }

  get #longestMillis(): Millis {
    return this.#patience.longestMillis ?? longestTimeouts * this.#patience.timeoutMillis;
  }

  #baseMillis(): Millis {
    if (this.#smoothed === undefined) return this.#patience.timeoutMillis;
    return this.#smoothed + Math.max(this.#floorMillis, 4 * this.#deviation);
  }
}
