// A log that a person reads: when lines come faster than that, they become one. The first of each
// kind of trouble is still told whole. Knows no clock but the one that it is given.

/** Something that would be a line. */
export interface Telling {
  /** `completed`, `failed (timed out)`; one of few. Absent: it is left out of the count. */
  readonly sort?: string;
  /** Whether nothing is lost when only its number is told. */
  readonly calm: boolean;
  readonly client?: string;
  readonly bytes?: number;
  readonly tell: () => void;
}

export interface Storm {
  readonly millis: number;
  readonly clients: number;
  /** There were more clients than are counted. */
  readonly moreClients: boolean;
  readonly bytes: number;
  readonly sorts: ReadonlyMap<string, number>;
}

export interface StormsOptions {
  readonly onStorm: (storm: Storm) => void;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Calls back after so many milliseconds; the result takes the call back. */
  readonly later: (run: () => void, millis: number) => () => void;
}

/** That many lines may come at once, and so many a second. */
const linesAtOnce = 20;
const linesPerSecond = 10;
const lookMillis = 1000;
/** A storm that goes on is a line that often. */
const reportMillis = 10_000;
const clientsMax = 100_000;

export class Storms {
  readonly #options: StormsOptions;
  #lines = linesAtOnce;
  #filledAt: number;
  #storm: Gathered | undefined;
  #sinceLook = 0;
  #cancel = (): void => {};

  constructor(options: StormsOptions) {
    this.#options = options;
    this.#filledAt = options.now();
  }

  take(telling: Telling): void {
    if (!this.#storm && this.#mayTell()) {
      telling.tell();
      return;
    }
    const storm = this.#storm ?? this.#begin();
    this.#sinceLook += 1;
    const { sort, calm, client, bytes = 0 } = telling;
    if (!calm && !storm.troubles.has(sort ?? "")) telling.tell();
    if (!calm) storm.troubles.add(sort ?? "");
    if (sort === undefined) return;
    storm.sorts.set(sort, (storm.sorts.get(sort) ?? 0) + 1);
    storm.bytes += bytes;
    if (client !== undefined && storm.clients.size < clientsMax) storm.clients.add(client);
  }

  /** Tells what was gathered so far. */
  flush(): void {
    this.#cancel();
    const storm = this.#storm;
    this.#storm = undefined;
    if (storm) this.#report(storm);
  }

  #mayTell(): boolean {
    const now = this.#options.now();
    const grown = ((now - this.#filledAt) / 1000) * linesPerSecond;
    this.#lines = Math.min(linesAtOnce, this.#lines + grown);
    this.#filledAt = now;
    if (this.#lines < 1) return false;
    this.#lines -= 1;
    return true;
  }

  #begin(): Gathered {
    this.#storm = gathered(this.#options.now(), new Set());
    this.#sinceLook = 0;
    this.#cancel = this.#options.later(() => this.#look(), lookMillis);
    return this.#storm;
  }

  #look(): void {
    const storm = this.#storm;
    if (!storm || this.#sinceLook <= linesPerSecond) {
      this.flush();
      return;
    }
    const now = this.#options.now();
    if (now - storm.since >= reportMillis) {
      this.#report(storm);
      this.#storm = gathered(now, storm.troubles);
    }
    this.#sinceLook = 0;
    this.#cancel = this.#options.later(() => this.#look(), lookMillis);
  }

  #report({ since, sorts, clients, bytes }: Gathered): void {
    if (sorts.size === 0) return;
    this.#options.onStorm({
      millis: this.#options.now() - since,
      clients: clients.size,
      moreClients: clients.size >= clientsMax,
      bytes,
      sorts,
    });
  }
}

interface Gathered {
  readonly since: number;
  readonly sorts: Map<string, number>;
  readonly clients: Set<string>;
  /** Sorts of which one was told whole. */
  readonly troubles: Set<string>;
  bytes: number;
}

function gathered(since: number, troubles: Set<string>): Gathered {
  return { since, sorts: new Map(), clients: new Set(), troubles, bytes: 0 };
}

/** How many lines a storm would have been, and of what: `5,000 completed, 12 failed (timed out)`,
 * the most frequent first. */
export function countsOf({ sorts }: Storm): { readonly total: number; readonly text: string } {
  const counts = [...sorts].sort(([, one], [, other]) => other - one);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return { total, text: counts.map(([sort, count]) => `${numberText(count)} ${sort}`).join(", ") };
}

export function numberText(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
