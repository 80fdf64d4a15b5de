// Which blocks leave an address of ours in one packet each: fragments are what firewalls drop, what
// firmware cannot join, and one lost is a block lost. It must not know who asks.

import type { Millis } from "../core/packet.ts";
import type { Clock, Network } from "../ports.ts";

/** What every network carries (RFC 1350's own block). */
const blksizeLeast = 512;
/** Whoever changes an MTU need not restart us. */
const staleMillis = 3000;

interface Known {
  readonly blksize: number;
  readonly at: Millis;
}

export class PacketSizes {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Set<string>();

  constructor(network: Network, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
  }

  /** To be called early, for the answer takes a moment. */
  learn(host: string): void {
    if (this.#asking.has(host)) return;
    this.#asking.add(host);
    const learnt = (mtu: number): void => {
      const headers = (host.includes(":") ? 40 : 20) + 8 + 4;
      const blksize = Math.max(blksizeLeast, mtu - headers);
      this.#known.set(host, { blksize, at: this.#clock.now() });
    };
    const done = (): void => void this.#asking.delete(host);
    this.#network.mtu(host).then(learnt).then(done, done);
  }

  /** The largest block, in bytes. Answers at once with what was true a moment ago. */
  blksize(host: string): number {
    const known = this.#known.get(host);
    if (!known || this.#clock.now() - known.at > staleMillis) this.learn(host);
    return known?.blksize ?? Number.POSITIVE_INFINITY;
  }
}
