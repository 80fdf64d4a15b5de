// Requests that wait for a place among the transfers: bounded, fair between hosts, and only as long
// as their clients are likely to listen. Knows no packets and sets no timer.

import type { Millis } from "../core/packet.ts";
import { repeatedRequestMillis } from "../core/sender.ts";

export interface Waiting<T> {
  /** One client: its address and port. */
  readonly key: string;
  readonly host: string;
  readonly value: T;
  /** When the client is likely to ask again, as far as its request tells. */
  readonly retryMillis?: Millis;
}

/** U-Boot waits so long, and most others less. */
const usualRetryMillis = 5000;
/** Two repeats may be lost, or come later than the one before. */
const retriesMissed = 2;
const graceMillis = 3000;
const retryMillisMax = 60_000;
const sweepMillis = 1000;

interface Entry<T> extends Waiting<T> {
  readonly since: Millis;
  heardAt: Millis;
  retriesAfter: Millis;
  line: Line<T>;
}

export class AdmissionQueue<T> {
  readonly #max: number;
  readonly #onDropped: (value: T) => void;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #crowd = new Crowd();
  /** Who has asked again has waited longest for an answer: these go first. */
  readonly #retried = new Line<T>();
  readonly #fresh = new Line<T>();
  #sweptAt: Millis = Number.NEGATIVE_INFINITY;

  /** `onDropped` hears of each one that was let in and will not be served. */
  constructor(max: number, onDropped: (value: T) => void) {
    this.#max = max;
    this.#onDropped = onDropped;
  }

  get size(): number {
    return this.#entries.size;
  }

  get isFull(): boolean {
    return this.size >= this.#max;
  }

  /** Since when the first of them has waited; undefined where none does. */
  get since(): Millis | undefined {
    const [oldest] = this.#entries.values();
    return oldest?.since;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  /** The client has asked for the same again. */
  renew(key: string, now: Millis): void {
    const entry = this.#entries.get(key);
    if (!entry || now - entry.heardAt < repeatedRequestMillis) return;
    entry.retriesAfter = now - entry.heardAt;
    entry.heardAt = now;
    if (entry.line === this.#retried) return;
    entry.line.remove(entry);
    entry.line = this.#retried;
    entry.line.add(entry);
  }

  /** False: there is no room. When the queue is full, a host that waits for less than the greediest
   * one takes a place from that. */
  add(waiting: Waiting<T>, now: Millis): boolean {
    this.remove(waiting.key);
    if (this.isFull) this.#sweep(now);
    if (this.isFull && !this.#takeFromGreediest(waiting.host)) return false;
    const retriesAfter = waiting.retryMillis ?? usualRetryMillis;
    const line = this.#fresh;
    const entry: Entry<T> = { ...waiting, since: now, heardAt: now, retriesAfter, line };
    this.#entries.set(waiting.key, entry);
    this.#crowd.count(waiting.host, 1);
    this.#fresh.add(entry);
    return true;
  }

  /** The next one to be served, of those whose host `mayRun`. */
  take(now: Millis, mayRun: (host: string) => boolean): T | undefined {
    for (const line of [this.#retried, this.#fresh]) {
      for (let entry = line.next(mayRun); entry; entry = line.next(mayRun)) {
        this.#remove(entry);
        if (!isSilent(entry, now)) return entry.value;
        this.#onDropped(entry.value);
      }
    }
    return undefined;
  }

  /** The client has given up, or wants something else. */
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) this.#remove(entry);
  }

  clear(): void {
    for (const entry of this.#entries.values()) this.#drop(entry);
  }

  #takeFromGreediest(host: string): boolean {
    const greediest = this.#crowd.greediest;
    if (greediest === undefined) return false;
    if (this.#crowd.of(greediest) <= this.#crowd.of(host) + 1) return false;
    const entry = this.#fresh.firstOf(greediest) ?? this.#retried.firstOf(greediest);
    if (entry) this.#drop(entry);
    return entry !== undefined;
  }

  #sweep(now: Millis): void {
    if (now - this.#sweptAt < sweepMillis) return;
    this.#sweptAt = now;
    for (const entry of this.#entries.values()) if (isSilent(entry, now)) this.#drop(entry);
  }

  #drop(entry: Entry<T>): void {
    this.#remove(entry);
    this.#onDropped(entry.value);
  }

  #remove(entry: Entry<T>): void {
    this.#entries.delete(entry.key);
    this.#crowd.count(entry.host, -1);
    entry.line.remove(entry);
  }
}

function isSilent<T>({ heardAt, retriesAfter }: Entry<T>, now: Millis): boolean {
  const retryMillis = Math.min(retriesAfter, retryMillisMax);
  return now - heardAt > retriesMissed * retryMillis + graceMillis;
}

/** Hosts take turns; the entries of one host are served in their order. */
class Line<T> {
  readonly #hosts = new Map<string, Set<Entry<T>>>();

  add(entry: Entry<T>): void {
    const entries = this.#hosts.get(entry.host);
    if (entries) entries.add(entry);
    else this.#hosts.set(entry.host, new Set([entry]));
  }

  remove(entry: Entry<T>): void {
    const entries = this.#hosts.get(entry.host);
    entries?.delete(entry);
    if (entries?.size === 0) this.#hosts.delete(entry.host);
  }

  firstOf(host: string): Entry<T> | undefined {
    return this.#hosts.get(host)?.values().next().value;
  }

  /** Its host goes to the end. The entry stays: its taker removes it. */
  next(mayRun: (host: string) => boolean): Entry<T> | undefined {
    for (const [host, entries] of this.#hosts) {
      if (!mayRun(host)) continue;
      this.#hosts.delete(host);
      this.#hosts.set(host, entries);
      return entries.values().next().value;
    }
    return undefined;
  }
}

/** How many entries each host has, and who has most; each step takes the same short time. */
class Crowd {
  readonly #counts = new Map<string, number>();
  readonly #hostsWith = new Map<number, Set<string>>();
  #most = 0;

  of(host: string): number {
    return this.#counts.get(host) ?? 0;
  }

  get greediest(): string | undefined {
    return this.#hostsWith.get(this.#most)?.values().next().value;
  }

  count(host: string, change: 1 | -1): void {
    const before = this.of(host);
    const after = before + change;
    this.#leave(host, before);
    if (after === 0) this.#counts.delete(host);
    else this.#join(host, after);
    if (after > this.#most) this.#most = after;
    else if (!this.#hostsWith.has(this.#most)) this.#most -= 1;
  }

  #leave(host: string, count: number): void {
    const hosts = this.#hostsWith.get(count);
    hosts?.delete(host);
    if (hosts?.size === 0) this.#hostsWith.delete(count);
  }

  #join(host: string, count: number): void {
    this.#counts.set(host, count);
    const hosts = this.#hostsWith.get(count);
    if (hosts) hosts.add(host);
    else this.#hostsWith.set(count, new Set([host]));
  }
}
