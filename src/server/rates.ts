// How often: requests of one client or network, and ERROR packets; and what is said at a limit.
// Whatever addresses are forged, the memory for them is bounded.

import { TftpError } from "../core/errors.ts";
import type { Millis } from "../core/packet.ts";
import { prefixOf } from "./address.ts";
import type { Limits } from "./limits.ts";

/** Lets so many events a second through, in bursts of as many. */
export class RateLimit {
  readonly #perSecond: number;
  /** Of less than one a second, one is let through when enough seconds are over. */
  readonly #most: number;
  #left: number;
  #filledAt: Millis = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = this.#most = perSecond > 0 ? Math.max(1, perSecond) : 0;
  }

  allows(now: Millis): boolean {
    const gained = ((now - this.#filledAt) / 1000) * this.#perSecond;
    this.#left = Math.min(this.#most, this.#left + gained);
    this.#filledAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

/** A rate for each key. */
export class RatePerKey {
  readonly #perSecond: number;
  readonly #keysMax: number;
  #recent = new Map<string, RateLimit>();
  /** Those that were not seen since `#recent` began are forgotten with it. */
  #earlier = new Map<string, RateLimit>();

  /** At most twice `keysMax` keys are kept. One that is forgotten begins anew. */
  constructor(perSecond: number, keysMax: number = 10_000) {
    this.#perSecond = perSecond;
    this.#keysMax = keysMax;
  }

  get isSet(): boolean {
    return this.#perSecond !== Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#recent.size + this.#earlier.size;
  }

  allows(key: string, now: Millis): boolean {
    return this.#of(key).allows(now);
  }

  #of(key: string): RateLimit {
    const known = this.#recent.get(key);
    if (known) return known;
    const rate = this.#earlier.get(key) ?? new RateLimit(this.#perSecond);
    if (this.#recent.size >= this.#keysMax) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#earlier.delete(key);
    this.#recent.set(key, rate);
    return rate;
  }
}

/** Whether one more request is looked at. */
export class RequestRates {
  readonly #perClient: RatePerKey;
  readonly #perPrefix: RatePerKey;

  constructor({ requestsPerSecondPerClient, requestsPerSecondPerPrefix }: Limits) {
    this.#perClient = new RatePerKey(requestsPerSecondPerClient);
    this.#perPrefix = new RatePerKey(requestsPerSecondPerPrefix);
  }

  allows(host: string, now: Millis): boolean {
    if (this.#perClient.isSet && !this.#perClient.allows(host, now)) return false;
    return !this.#perPrefix.isSet || this.#perPrefix.allows(prefixOf(host), now);
  }
}

/** Whether one more request may be refused with an ERROR packet. */
export class ErrorRates {
  readonly #inAll: RateLimit;
  readonly #perClient: RatePerKey;

  constructor({ errorsPerSecond, errorsPerSecondPerClient }: Limits) {
    this.#inAll = new RateLimit(errorsPerSecond);
    this.#perClient = new RatePerKey(errorsPerSecondPerClient);
  }

  /** Who is over its own limit takes nothing from the others. */
  allows(host: string, now: Millis): boolean {
    if (this.#perClient.isSet && !this.#perClient.allows(host, now)) return false;
    return this.#inAll.allows(now);
  }
}

export function busy(): TftpError {
  return new TftpError("BUSY", "too many transfers at once");
}

/** No descriptor is left: there will be some when others have ended. */
export function isOutOfFiles({ cause }: TftpError): boolean {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return code === "EMFILE" || code === "ENFILE";
}

export function tooMany(what: "requests" | "errors"): TftpError {
  return new TftpError("BUSY", `too many ${what} a second`);
}
