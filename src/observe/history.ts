// What happened lately in a server: ended transfers, refused requests, names that were not found.
// All of it bounded. It knows neither pages nor sockets.

import type { Ending, RefusedRequest, ServerEvent } from "../server/events.ts";
import { idOf } from "./ids.ts";
import { type Op, opOf } from "./op.ts";
import { type Reason, reasonOf } from "./why.ts";

/** Ready to be shown or sent as JSON; names and texts are as the client wrote them. */
export interface HistoryEntry {
  readonly id: string;
  readonly op: Op;
  readonly filename: string;
  readonly client: string;
  readonly clientPort: number;
  /** Where the recorded packets went to; null if nothing began. */
  readonly localHost: string | null;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Ending | "refused" | "running";
  readonly bytes: number;
  readonly size: number | null;
  readonly durationMillis: number;
  readonly blksize: number | null;
  readonly windowsize: number | null;
  readonly resent: number;
  readonly duplicates: number;
  readonly roundTripMillis: number | null;
  readonly family: string | null;
  /** The code of the error. */
  readonly error: string | null;
  readonly why: string | null;
  readonly remedy: string | null;
}

export interface MissingName {
  readonly filename: string;
  readonly count: number;
  readonly client: string;
  readonly lastAt: number;
}

type Told = Extract<ServerEvent, { kind: "ended" | "refused" }>;

/** What has ended. Most of it is never looked at, so it is described when it is. */
export class Past {
  readonly #number: number;
  readonly #prefix: string;
  readonly #event: Told;
  readonly #endedAt: number;
  #entry: HistoryEntry | undefined;

  constructor(number: number, prefix: string, event: Told, endedAt: number) {
    this.#number = number;
    this.#prefix = prefix;
    this.#event = event;
    this.#endedAt = endedAt;
  }

  get id(): string {
    return idOf(this.#number, this.#prefix);
  }

  get entry(): HistoryEntry {
    this.#entry ??= this.#described();
    return this.#entry;
  }

  #described(): HistoryEntry {
    const event = this.#event;
    if (event.kind === "ended") return endedEntry(event, this.id, this.#endedAt);
    return refusedEntry(event, this.id, this.#endedAt);
  }
}

/** So many ended transfers are remembered. */
export const historyMax = 500;
const namesMax = 200;

export class History {
  readonly #prefix: string;
  /** A ring: a Map that gives its first one up all the time looks for it ever longer. */
  readonly #entries: Past[] = [];
  #oldest = 0;
  readonly #missing = new Map<string, MissingName>();

  /** `prefix` stands before all ids. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The newest first. */
  get entries(): HistoryEntry[] {
    const { length } = this.#entries;
    return Array.from(this.#entries, (_, age) => {
      const at = (this.#oldest + length - 1 - age) % length;
      return (this.#entries[at] as Past).entry;
    });
  }

  /** The newest first. */
  get missing(): MissingName[] {
    return [...this.#missing.values()].reverse();
  }

  entry(id: string): HistoryEntry | undefined {
    return this.#entries.find((past) => past.id === id)?.entry;
  }

  /** What an event makes past, if anything. */
  handleEvent(event: ServerEvent, number: number, now: number): Past | undefined {
    if (event.kind !== "ended" && event.kind !== "refused") return undefined;
    const past = new Past(number, this.#prefix, event, now);
    if (this.#entries.length < historyMax) this.#entries.push(past);
    else {
      this.#entries[this.#oldest] = past;
      this.#oldest = (this.#oldest + 1) % historyMax;
    }
    if (event.kind === "refused" && event.error.code === "FILE_NOT_FOUND") {
      this.#miss(event.request, now);
    }
    return past;
  }

  #miss({ filename, client, op }: RefusedRequest, lastAt: number): void {
    if (op !== "rrq") return;
    const count = (this.#missing.get(filename)?.count ?? 0) + 1;
    this.#missing.delete(filename);
    this.#missing.set(filename, { filename, count, client: client.host, lastAt });
    if (this.#missing.size > namesMax) this.#missing.delete(firstKey(this.#missing));
  }
}

/** What stands in the history of an ended transfer. */
export function endedEntry(
  event: Extract<ServerEvent, { kind: "ended" }>,
  id: string,
  endedAt: number,
): HistoryEntry {
  const { transfer } = event;
  const reason = reasonOfEnd(event);
  // Without a spread: an object that begins with one costs ten times as much.
  return {
    id,
    op: opOf(transfer),
    filename: transfer.filename,
    client: transfer.client.host,
    clientPort: transfer.client.port,
    localHost: transfer.local.host,
    startedAt: transfer.startedAt,
    endedAt,
    outcome: event.ending,
    bytes: transfer.bytes,
    size: transfer.size ?? null,
    durationMillis: transfer.durationMillis,
    blksize: transfer.blksize,
    windowsize: transfer.windowsize,
    resent: transfer.resent,
    duplicates: transfer.duplicates,
    roundTripMillis: transfer.roundTripMillis ?? null,
    family: transfer.family ?? null,
    error: event.error?.code ?? null,
    why: reason?.why ?? null,
    remedy: reason?.remedy ?? null,
  };
}

function reasonOfEnd(event: Extract<ServerEvent, { kind: "ended" }>): Partial<Reason> | undefined {
  if (event.ending === "unconfirmed") return unconfirmed;
  const succeeded = event.ending === "completed" || event.ending === "probe";
  return succeeded ? undefined : reasonOf(event);
}

const unconfirmed: Partial<Reason> = {
  why: "Everything was sent; only the last ACK never came. Many boot loaders send none.",
};

function refusedEntry(
  event: Extract<ServerEvent, { kind: "refused" }>,
  id: string,
  endedAt: number,
): HistoryEntry {
  const { request, error } = event;
  const reason = reasonOf(event);
  return {
    id,
    op: opOf(request),
    filename: request.filename,
    client: request.client.host,
    clientPort: request.client.port,
    localHost: null,
    startedAt: endedAt,
    endedAt,
    outcome: "refused",
    bytes: 0,
    size: null,
    durationMillis: 0,
    blksize: null,
    windowsize: null,
    resent: 0,
    duplicates: 0,
    roundTripMillis: null,
    family: request.family ?? null,
    error: error.code,
    why: reason?.why ?? null,
    remedy: reason?.remedy ?? null,
  };
}

function firstKey(map: ReadonlyMap<string, unknown>): string {
  return map.keys().next().value as string;
}
