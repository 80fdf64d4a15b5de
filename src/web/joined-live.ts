// What happens in several servers, told as what happens in one. Each is followed while somebody
// looks.

import { joinEnded, joinRunning, joinSamples } from "./joining.ts";
import { tickMillis } from "./live.ts";
import type { Sample, Tick } from "./messages.ts";
import type { Colleague } from "./passage.ts";
import { type Arrival, Readers } from "./readers.ts";

/** What one of them has told. */
interface Share {
  /** Since the last time that all was told. */
  ticks: Tick[];
  samples: readonly Sample[];
  readonly stop: () => void;
}

export class JoinedLive {
  readonly #colleagues: () => ReadonlyMap<string, Colleague>;
  readonly #shares = new Map<Colleague, Share>();
  readonly #readers = new Readers(
    () => this.#begin(),
    () => this.#end(),
  );
  #ticking: NodeJS.Timeout | undefined;

  constructor(colleagues: () => ReadonlyMap<string, Colleague>) {
    this.#colleagues = colleagues;
  }

  join(visit: Arrival): void {
    this.#readers.join(visit);
  }

  close(): void {
    this.#readers.close();
  }

  #begin(): void {
    this.#followAll();
    this.#ticking = setInterval(() => this.#tick(), tickMillis).unref();
  }

  #end(): void {
    clearInterval(this.#ticking);
    for (const { stop } of this.#shares.values()) stop();
    this.#shares.clear();
  }

  /** Some have ended since the last time, others have begun. */
  #followAll(): void {
    const all = new Set(this.#colleagues().values());
    for (const [colleague, { stop }] of this.#shares) {
      if (all.has(colleague)) continue;
      stop();
      this.#shares.delete(colleague);
    }
    for (const colleague of all) if (!this.#shares.has(colleague)) this.#follow(colleague);
  }

  #follow(colleague: Colleague): void {
    const hear = (tick: Tick): void => {
      share.ticks.push(tick);
      const { sample } = tick;
      const [last] = share.samples.slice(-1);
      if (sample && sample[0] !== last?.[0]) share.samples = [...share.samples.slice(-1), sample];
    };
    const stop = colleague.follow("/api/events", hear);
    const share: Share = { ticks: [], samples: [], stop };
    this.#shares.set(colleague, share);
  }

  #tick(): void {
    this.#followAll();
    const shares = [...this.#shares.values()];
    const ticks = shares.flatMap((share) => share.ticks);
    const newest = shares.flatMap((share) => share.ticks.slice(-1));
    const [sample = null] = joinSamples(shares.map(({ samples }) => samples)).slice(-1);
    const standing = newest[0]?.standing ?? null;
    const tick: Tick = { ...joinRunning(newest), ended: joinEnded(ticks), sample, standing };
    this.#readers.tell(tick);
    // The last is kept: who is busy tells less often.
    for (const share of shares) share.ticks = share.ticks.slice(-1).map(withoutEnded);
  }
}

function withoutEnded(tick: Tick): Tick {
  return { ...tick, ended: [] };
}
