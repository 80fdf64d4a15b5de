// Ends transfers that take too long, or that stand still. One timer for all of them, and none while
// there is nothing to watch.

import { TftpError } from "../core/errors.ts";
import type { Millis } from "../core/packet.ts";
import type { Clock } from "../ports.ts";
import { Chain, type Link } from "../transfer/chain.ts";
import { Lingering } from "../transfer/lingering.ts";

export interface Watched {
  /** Kept here by Overdue. */
  watch: Watch | undefined;
  /** Payload bytes so far; undefined while the content is being opened. */
  readonly bytes: number | undefined;
  /** For how long the client has been sent something, and has not shown yet that it hears us. */
  readonly unprovenMillis: Millis;
  /** It gets nothing more unless it asks again. */
  readonly mute: boolean;
  abort(error: TftpError): void;
  giveUp(): void;
}

interface Watch extends Link<Watch> {
  readonly watched: Watched;
  readonly since: Millis;
  movedAt: Millis;
  bytes: number | undefined;
}

/** Whoever has not answered for so long makes room, whatever timeout was asked for in its name. */
const unprovenMillisMax = 15_000;
/** So many stay to repeat their last ACK. */
const lingeringMax = 512;
/** Looking at all of them takes its time. */
const crowdedMillis = 100;
/** A limit is noticed when at most this part of it has passed in addition. */
const share = 4;
const longestMillis = 15_000;

export class Overdue {
  readonly #clock: Clock;
  readonly #totalMillisMax: Millis;
  readonly #stalledMillisMax: Millis;
  readonly #watches = new Chain<Watch>();
  readonly #lingering = new Lingering<Watched>(lingeringMax, (oldest) => oldest.giveUp());
  #armed = false;
  #crowdedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Clock,
    limits: { readonly transferMillisMax: Millis; readonly stalledMillisMax: Millis },
  ) {
    this.#clock = clock;
    this.#totalMillisMax = limits.transferMillisMax;
    this.#stalledMillisMax = limits.stalledMillisMax;
  }

  watch(watched: Watched): void {
    const now = this.#clock.now();
    const watch: Watch = {
      watched,
      since: now,
      movedAt: now,
      bytes: undefined,
      before: undefined,
      after: undefined,
    };
    watched.watch = watch;
    this.#watches.add(watch);
    this.#arm();
  }

  forget(watched: Watched): void {
    if (watched.watch) this.#watches.delete(watched.watch);
    watched.watch = undefined;
  }

  /** Somebody waits for a place: those whose client never answered make room. A client that is only
   * slow asks again; forged requests could else fill the server. */
  makeRoom(): void {
    const now = this.#clock.now();
    if (now - this.#crowdedAt < crowdedMillis) return;
    this.#crowdedAt = now;
    for (const { watched } of this.#watches.values()) {
      if (watched.mute || watched.unprovenMillis >= unprovenMillisMax) watched.giveUp();
    }
  }

  /** It has ended, and stays for a while that its client chose. */
  linger(watched: Watched): void {
    this.#lingering.add(watched);
  }

  /** It stays no longer. */
  letGo(watched: Watched): void {
    this.#lingering.delete(watched);
  }

  #arm(): void {
    const shortest = Math.min(this.#totalMillisMax, this.#stalledMillisMax);
    if (this.#armed || shortest === Number.POSITIVE_INFINITY) return;
    this.#armed = true;
    const due = this.#clock.now() + Math.min(shortest / share, longestMillis);
    this.#clock.at(due, () => {
      this.#armed = false;
      const now = this.#clock.now();
      this.#look(now, now - due);
      if (!this.#watches.isEmpty) this.#arm();
    });
  }

  /** `late`: for so long this process was stopped, and nobody could move. */
  #look(now: Millis, late: Millis): void {
    for (const watch of this.#watches.values()) {
      const { watched } = watch;
      const { bytes } = watched;
      if (bytes !== watch.bytes) {
        watch.bytes = bytes;
        watch.movedAt = now;
      } else watch.movedAt += late;
      const error = this.#verdict(watch, now);
      if (!error) continue;
      this.forget(watched);
      watched.abort(error);
    }
  }

  #verdict({ since, movedAt }: Watch, now: Millis): TftpError | undefined {
    if (now - since >= this.#totalMillisMax) {
      const hint = "Raise --transfer-time-max if one may take so long.";
      return new TftpError("TIMED_OUT", "the transfer takes too long", { hint });
    }
    if (now - movedAt >= this.#stalledMillisMax) {
      const hint = "Look at the client: it repeats itself and gets nowhere.";
      return new TftpError("TIMED_OUT", "the transfer stands still", { hint });
    }
    return undefined;
  }
}
