// Holds back what was not found until a client has stopped searching: a run of misses is one line.
// Knows no clock but the one that it is given.

import type { ServerEvent } from "../index.ts";
import { ladderOf } from "./ladders.ts";
import { visible, visibleName } from "./visible.ts";

type Miss = Extract<ServerEvent, { kind: "refused" }>;

/** One client's search. */
export interface Run {
  readonly first: Miss;
  readonly misses: number;
  /** Without repeats, in their order; the last ones may be left out. */
  readonly names: readonly string[];
  /** What it found in the end. */
  readonly found?: string;
}

export interface MissesOptions {
  readonly onRun: (run: Run) => void;
  /** Calls back after so many milliseconds; the result takes the call back. */
  readonly later: (run: () => void, millis: number) => () => void;
}

interface Held {
  readonly first: Miss;
  misses: number;
  readonly names: Set<string>;
  cancel: () => void;
}

const quietMillis = 2000;
const clientsMax = 1000;
const namesMax = 64;

export class Misses {
  readonly #options: MissesOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: MissesOptions) {
    this.#options = options;
  }

  /** True: the event is held back. */
  take(event: ServerEvent): boolean {
    if (event.kind === "started") this.#end(event.transfer.client.host, event.transfer.filename);
    if (event.kind !== "refused") return false;
    if (isMiss(event)) this.#hold(event);
    else this.#end(event.request.client.host);
    return isMiss(event);
  }

  /** Tells everything that is held back. */
  flush(): void {
    for (const client of [...this.#held.keys()]) this.#end(client);
  }

  #hold(miss: Miss): void {
    const { host } = miss.request.client;
    const held = this.#held.get(host) ?? this.#begin(host, miss);
    held.misses += 1;
    if (held.names.size < namesMax) held.names.add(miss.request.filename);
    held.cancel();
    held.cancel = this.#options.later(() => this.#end(host), quietMillis);
  }

  #begin(host: string, first: Miss): Held {
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && this.#held.size >= clientsMax) this.#end(oldest);
    const held = { first, misses: 0, names: new Set<string>(), cancel: () => {} };
    this.#held.set(host, held);
    return held;
  }

  #end(host: string, found?: string): void {
    const held = this.#held.get(host);
    if (!held) return;
    this.#held.delete(host);
    held.cancel();
    const { first, misses, names } = held;
    const last = found === undefined ? {} : { found };
    this.#options.onRun({ first, misses, names: [...names], ...last });
  }
}

/** What follows the client in its line. */
export function describeRun({ first, misses, names, found }: Run): string {
  const [start = ""] = names;
  if (names.length === 1)
    return `get ${visibleName(start)} not found, ${misses} times${hint(first)}`;
  const searched = `searched ${misses} names from ${visibleName(start)}`;
  if (found !== undefined) return `${searched} and found ${visibleName(found)}`;
  const last = names.at(-1) ?? "";
  return `${searched} to ${visibleName(last)}, found none: create ${toCreate(names)}${hint(first)}`;
}

function toCreate(names: readonly string[]): string {
  const { own, all = names.at(-1) ?? "" } = ladderOf(names) ?? {};
  if (own === undefined) return visibleName(all);
  return `${visibleName(own)} for this client, or ${visibleName(all)} for all`;
}

function hint({ diagnosis }: Miss): string {
  return diagnosis ? `. ${visible(diagnosis.advice)}` : "";
}

function isMiss({ request, error }: Miss): boolean {
  return request.op === "rrq" && error.code === "FILE_NOT_FOUND";
}
