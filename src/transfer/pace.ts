// How fast DATA may go: in all, and for one transfer. Who wants to send is given a place in time,
// so that many who wait are served and wake one after the other. Knows no sockets.

import type { Millis } from "../core/packet.ts";

/** A timer may be late; what it missed may be caught up with, up to so much. */
const slackMillis = 20;
/** A turn holds what goes out in so much time, while nobody waits for long. */
const turnMillis = 5;
const longWaitMillis = 100;

/** Bytes a second, shared by all who reserve from it. */
class Pace {
  readonly #bytesPerMilli: number;
  #freeAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMilli = bytesPerSecond / 1000;
  }

  /** How much one turn should hold. */
  turnBytes(now: Millis): number {
    return this.#freeAt - now > longWaitMillis ? 0 : this.#bytesPerMilli * turnMillis;
  }

  /** From when on these bytes may go. */
  reserve(bytes: number, now: Millis): Millis {
    const at = Math.max(this.#freeAt, now - slackMillis);
    this.#freeAt = at + bytes / this.#bytesPerMilli;
    return at;
  }

  giveBack(bytes: number): void {
    this.#freeAt -= bytes / this.#bytesPerMilli;
  }
}

interface Reservation {
  readonly at: Millis;
  readonly blocks: number;
  readonly bytes: number;
}

/** The share of one transfer. */
export class Pacer {
  readonly #paces: readonly Pace[];
  #reserved: Reservation | undefined;

  constructor(paces: readonly Pace[]) {
    this.#paces = paces;
  }

  /** When the blocks that wait may go. */
  get nextTurn(): Millis | undefined {
    return this.#reserved?.at;
  }

  /** How many of `count` blocks may be sent now: none, until `nextTurn`. `bytesOf`: what so many of
   * them come to. */
  allow(count: number, bytesOf: (blocks: number) => number, now: Millis): number {
    this.#reserved ??= this.#reserve(count, bytesOf, now);
    const { at, blocks, bytes } = this.#reserved;
    if (at > now) return 0;
    const allowed = Math.min(count, blocks);
    this.#giveBack(bytes - bytesOf(allowed));
    this.#reserved = undefined;
    return allowed;
  }

  /** Nothing more will be sent. */
  leave(): void {
    if (this.#reserved) this.#giveBack(this.#reserved.bytes);
    this.#reserved = undefined;
  }

  #reserve(count: number, bytesOf: (blocks: number) => number, now: Millis): Reservation {
    const turnBytes = Math.min(...this.#paces.map((pace) => pace.turnBytes(now)));
    const blocks = Math.min(count, Math.max(1, Math.floor(turnBytes / bytesOf(1))));
    const bytes = bytesOf(blocks);
    const ats = this.#paces.map((pace) => pace.reserve(bytes, now));
    return { at: Math.max(...ats), blocks, bytes };
  }

  #giveBack(bytes: number): void {
    for (const pace of this.#paces) pace.giveBack(bytes);
  }
}

/** The rates of a server; Infinity for none. */
export class Pacing {
  readonly #inAll: Pace | undefined;
  readonly #perTransfer: number;

  constructor(bytesPerSecond: number, bytesPerSecondPerTransfer: number) {
    this.#inAll = isLimited(bytesPerSecond) ? new Pace(bytesPerSecond) : undefined;
    this.#perTransfer = bytesPerSecondPerTransfer;
  }

  /** One for each transfer; undefined where nothing is limited. */
  pacer(): Pacer | undefined {
    const own = isLimited(this.#perTransfer) ? [new Pace(this.#perTransfer)] : [];
    const paces = this.#inAll ? [this.#inAll, ...own] : own;
    return paces.length === 0 ? undefined : new Pacer(paces);
  }
}

function isLimited(bytesPerSecond: number): boolean {
  return bytesPerSecond !== Number.POSITIVE_INFINITY;
}
