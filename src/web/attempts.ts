// Counts wrong passwords, so that nobody can guess for long, in bounded memory. It must not know
// what the password is.

import { createHmac, randomBytes } from "node:crypto";
import { isIPv6 } from "node:net";

const wrongPerMinute = 30;
/** So many hosts are counted apart, more or less. */
const countsMax = 4096;
const trustedMax = 256;

/** A host has a place among the counts, which others may share; a secret finds it, so that nobody
 * can choose whom to lock out. Who had the right password before, or is on this machine, has a
 * count of its own: whatever a crowd of others guesses, the operator gets in. */
export class Attempts {
  readonly #shared = new Uint8Array(countsMax);
  /** The oldest is forgotten first. */
  readonly #own = new Map<string, number>();
  readonly #secret = randomBytes(32);
  #since = 0;

  mayTry(host: string): boolean {
    if (performance.now() - this.#since > 60_000) {
      this.#shared.fill(0);
      for (const key of this.#own.keys()) this.#own.set(key, 0);
      this.#since = performance.now();
    }
    const key = ownerOf(host);
    const wrong = this.#ownCount(key) ?? this.#shared[this.#placeOf(key)] ?? 0;
    return wrong < wrongPerMinute;
  }

  /** A host that may try has tried. */
  count(host: string, isRight: boolean): void {
    const key = ownerOf(host);
    const own = this.#ownCount(key) ?? (isRight ? 0 : undefined);
    if (own === undefined) {
      const place = this.#placeOf(key);
      this.#shared[place] = (this.#shared[place] ?? 0) + 1;
    } else this.#keep(key, isRight ? own : own + 1);
  }

  #ownCount(key: string): number | undefined {
    return this.#own.get(key) ?? (key === thisMachine ? 0 : undefined);
  }

  #keep(key: string, wrong: number): void {
    this.#own.delete(key);
    this.#own.set(key, wrong);
    const [oldest] = this.#own.keys();
    if (this.#own.size > trustedMax && oldest !== undefined) this.#own.delete(oldest);
  }

  #placeOf(key: string): number {
    return createHmac("sha256", this.#secret).update(key).digest().readUInt16LE() % countsMax;
  }
}

/** It has many addresses, and a proxy may be there that stands for others. */
const thisMachine = "this machine";

/** Who has an IPv6 address has the whole /64. */
function ownerOf(host: string): string {
  if (host === "::1" || /^(?:::ffff:)?127\./.test(host)) return thisMachine;
  const [address = ""] = host.split("%");
  if (!isIPv6(address) || address.includes(".")) return host;
  const [head = [], tail] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array(zeros).fill("0"), ...(tail ?? [])].slice(0, 4).join(":");
}
