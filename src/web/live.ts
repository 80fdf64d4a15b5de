// What the page shows while it happens: running transfers a few times a second, what ended, and the
// throughput of the last minutes.

import type { Past } from "../observe/history.ts";
import type { Observer } from "../observe/observer.ts";
import { opOf } from "../observe/op.ts";
import type { Totals } from "../observe/totals.ts";
import type { TransferInfo } from "../server/events.ts";
import type { Running, RunningTransfer, Sample, Standing, Tick } from "./messages.ts";
import { type Arrival, Readers } from "./readers.ts";

/** What there is to tell of. */
export interface LiveOptions {
  readonly observer: Observer;
  readonly totals: Totals;
  readonly snapshot: () => readonly TransferInfo[];
  readonly standing: () => Standing;
}

type Rates = Map<number, { readonly bytes: number; readonly at: number; readonly rate: number }>;

export const tickMillis = 250;
const sampleMillis = 1000;
export const samplesMax = 300;
/** More would only be scrolled past. */
export const runningMax = 50;
const endedPerTickMax = 50;
/** With more than so many nobody follows each, and every second tick is left out. */
const followedMax = 20;

export class Live {
  readonly #observer: Observer;
  readonly #snapshot: () => readonly TransferInfo[];
  readonly #standing: () => Standing;
  readonly #totals: Totals;
  readonly #readers = new Readers(
    () => this.#begin(),
    () => this.#end(),
  );
  readonly #samples: Sample[] = [];
  #ended: Past[] = [];
  #last = { sent: 0, received: 0, at: performance.now() };
  /** Bytes of each running transfer some ticks ago, for its rate. */
  #before: Rates = new Map();
  #sampling: NodeJS.Timeout | undefined;
  #ticks = 0;
  #crowded = false;
  #ticking: NodeJS.Timeout | undefined;

  constructor({ observer, totals, snapshot, standing }: LiveOptions) {
    this.#observer = observer;
    this.#snapshot = snapshot;
    this.#standing = standing;
    this.#totals = totals;
    this.#sampleNext();
    observer.onEnded((past) => {
      if (this.#readers.size > 0) this.#ended.push(past);
      if (this.#ended.length >= 2 * endedPerTickMax) this.#ended.splice(0, endedPerTickMax);
    });
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** The newest first. */
  running(): Running {
    const all = this.#snapshot();
    const shown = all.slice(-runningMax).reverse();
    const now = performance.now();
    const rates: Rates = new Map();
    const transfers = shown.map((transfer) =>
      describe(transfer, this.#observer, this.#rateOf(transfer, now, rates)),
    );
    this.#before = rates;
    const { count: unanswered } = this.#observer.unanswered;
    return { transfers, more: all.length - shown.length, unanswered };
  }

  join(visit: Arrival): void {
    this.#readers.join(visit);
  }

  close(): void {
    clearTimeout(this.#sampling);
    // What ended last is told, too: whoever joins several servers keeps the last tick of each.
    this.#crowded = false;
    if (this.#readers.size > 0) this.#tick();
    this.#readers.close();
  }

  #begin(): void {
    this.#ticking = setInterval(() => this.#tick(), tickMillis).unref();
  }

  #end(): void {
    clearInterval(this.#ticking);
    this.#ended = [];
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#crowded && this.#ticks % 2 === 1) return;
    const running = this.running();
    this.#crowded = running.transfers.length > followedMax;
    const ended = this.#ended.slice(-endedPerTickMax).map(({ entry }) => entry);
    this.#ended = [];
    const sample = this.#samples.at(-1) ?? null;
    const tick: Tick = { ...running, ended, sample, standing: this.#standing() };
    this.#readers.tell(tick);
  }

  /** At whole seconds, so that the samples of several servers can be added up. */
  #sampleNext(): void {
    const now = Date.now();
    const at = (Math.round(now / sampleMillis) + 1) * sampleMillis;
    const sample = (): void => {
      this.#sample(at);
      this.#sampleNext();
    };
    this.#sampling = setTimeout(sample, at - now).unref();
  }

  #sample(at: number): void {
    const now = performance.now();
    const { get, put } = this.#totals.now();
    const [sent, received] = [get.bytes, put.bytes];
    const seconds = (now - this.#last.at) / 1000;
    const rate = (to: number, from: number): number =>
      Math.max(0, Math.round((to - from) / seconds));
    this.#samples.push([at, rate(sent, this.#last.sent), rate(received, this.#last.received)]);
    if (this.#samples.length > samplesMax) this.#samples.shift();
    this.#last = { sent, received, at: now };
  }

  /** Smoothed, so that it can be read. */
  #rateOf({ id, bytes, durationMillis }: TransferInfo, now: number, rates: Rates): number {
    const before = this.#before.get(id);
    const millis = now - (before?.at ?? 0);
    if (before && millis < tickMillis / 2) {
      rates.set(id, before);
      return before.rate;
    }
    const last = before
      ? ((bytes - before.bytes) / millis) * 1000
      : (bytes / Math.max(1, durationMillis)) * 1000;
    const rate = before ? before.rate + (last - before.rate) * 0.4 : last;
    rates.set(id, { bytes, at: now, rate });
    return rate;
  }
}

function describe(transfer: TransferInfo, observer: Observer, rate: number): RunningTransfer {
  const { filename, client, bytes, size, blksize, windowsize, startedAt } = transfer;
  return {
    id: observer.idOf(transfer),
    op: opOf(transfer),
    filename,
    client: client.host,
    clientPort: client.port,
    bytes,
    size: size ?? null,
    bytesPerSecond: Math.max(0, Math.round(rate)),
    blksize,
    windowsize,
    resent: transfer.resent,
    duplicates: transfer.duplicates,
    roundTripMillis: transfer.roundTripMillis ?? null,
    family: transfer.family ?? null,
    startedAt,
    warning: observer.warningOf(transfer) ?? null,
  };
}
