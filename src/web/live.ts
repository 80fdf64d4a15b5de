// What the page shows while it happens: running transfers a few times a second, what ended, and the
// throughput of the last minutes. Sent as server-sent events to a bounded number of readers.

import type { ServerResponse } from "node:http";
import type { Past } from "../observe/history.ts";
import type { Observer } from "../observe/observer.ts";
import type { Totals } from "../observe/totals.ts";
import type { TransferInfo } from "../server/events.ts";
import type { Running, RunningTransfer, Sample, Tick } from "./messages.ts";

type Rates = Map<number, { readonly bytes: number; readonly at: number; readonly rate: number }>;

const tickMillis = 250;
const sampleMillis = 1000;
const samplesMax = 300;
const readersMax = 32;
/** More would only be scrolled past. */
const runningMax = 50;
const endedPerTickMax = 50;
/** With more than so many nobody follows each, and every second tick is left out. */
const followedMax = 20;
/** A reader that does not read is let go. */
const waitingBytesMax = 4 * 1024 * 1024;

export class Live {
  readonly #snapshot: () => readonly TransferInfo[];
  readonly #totals: Totals;
  readonly #readers = new Set<ServerResponse>();
  readonly #samples: Sample[] = [];
  #ended: Past[] = [];
  #last = { sent: 0, received: 0, at: performance.now() };
  /** Bytes of each running transfer some ticks ago, for its rate. */
  #before: Rates = new Map();
  readonly #sampling: NodeJS.Timeout;
  #ticks = 0;
  #crowded = false;
  #ticking: NodeJS.Timeout | undefined;

  constructor(observer: Observer, totals: Totals, snapshot: () => readonly TransferInfo[]) {
    this.#snapshot = snapshot;
    this.#totals = totals;
    this.#sampling = setInterval(() => this.#sample(), sampleMillis).unref();
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
      describe(transfer, this.#rateOf(transfer, now, rates)),
    );
    this.#before = rates;
    return { transfers, more: all.length - shown.length };
  }

  /** False: there are too many readers. */
  join(response: ServerResponse): boolean {
    if (this.#readers.size >= readersMax) return false;
    response.writeHead(200, { "content-type": "text/event-stream", "x-accel-buffering": "no" });
    response.write("retry: 1000\n\n");
    this.#readers.add(response);
    response.on("close", () => this.#leave(response));
    this.#ticking ??= setInterval(() => this.#tick(), tickMillis).unref();
    return true;
  }

  close(): void {
    clearInterval(this.#sampling);
    for (const reader of this.#readers) reader.end();
    for (const reader of this.#readers) this.#leave(reader);
  }

  #leave(reader: ServerResponse): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    this.#ended = [];
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#crowded && this.#ticks % 2 === 1) return;
    const running = this.running();
    this.#crowded = running.transfers.length > followedMax;
    const ended = this.#ended.slice(-endedPerTickMax).map(({ entry }) => entry);
    this.#ended = [];
    const tick: Tick = { ...running, ended, sample: this.#samples.at(-1) ?? null };
    const text = `data: ${JSON.stringify(tick)}\n\n`;
    for (const reader of this.#readers) {
      if (reader.writableLength > waitingBytesMax) reader.destroy();
      else reader.write(text);
    }
  }

  #sample(): void {
    const now = performance.now();
    const { get, put } = this.#totals.now();
    const [sent, received] = [get.bytes, put.bytes];
    const seconds = (now - this.#last.at) / 1000;
    const rate = (to: number, from: number): number =>
      Math.max(0, Math.round((to - from) / seconds));
    this.#samples.push([
      Date.now(),
      rate(sent, this.#last.sent),
      rate(received, this.#last.received),
    ]);
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

function describe(transfer: TransferInfo, rate: number): RunningTransfer {
  const { op, filename, client, bytes, size, blksize, windowsize, resent, startedAt } = transfer;
  return {
    id: String(transfer.id),
    op: op === "rrq" ? "get" : "put",
    filename,
    client: client.host,
    bytes,
    size: size ?? null,
    bytesPerSecond: Math.max(0, Math.round(rate)),
    blksize,
    windowsize,
    resent,
    family: (transfer as { readonly family?: string }).family ?? null,
    startedAt,
  };
}
