// Ports for transfers out of a range that a firewall lets through. It must not know what they are
// used for.

import { TftpError } from "../core/errors.ts";
import type { DatagramSocket, Network, OpenOptions } from "../ports.ts";

/** Both ends belong to it. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Throws TftpError INVALID_ARGUMENT for what is no range of ports. */
export function checkRange({ first, last }: PortRange): void {
  const fits = Number.isInteger(first) && Number.isInteger(last);
  if (fits && first >= 1 && first <= last && last <= 65_535) return;
  throw new TftpError("INVALID_ARGUMENT", `there is no range of ports from ${first} to ${last}`, {
    hint: "Give the first and the last port, from 1 to 65535, such as 50000 and 50999.",
  });
}

/** In a range that is hardly used the first ones are free; else it is gone through from end to
 * end. */
const guesses = 16;

export class RangedPorts {
  readonly #network: Network;
  readonly #range: PortRange;
  readonly #random: () => number;

  constructor(network: Network, range: PortRange, random: () => number) {
    this.#network = network;
    this.#range = range;
    this.#random = random;
  }

  /** A free port, chosen at random: a TID shall be hard to guess (RFC 1350 4). Throws TftpError
   * BUSY when there is none, NETWORK for what else the system says. */
  async open(host: string, options: OpenOptions): Promise<DatagramSocket> {
    for (const port of this.#candidates()) {
      try {
        return await this.#network.open({ host, port }, options);
      } catch (thrown) {
        if (!isInUse(thrown)) throw thrown;
      }
    }
    throw new TftpError("BUSY", "all ports for transfers are in use, try again later", {
      hint: "Widen --tid-ports.",
    });
  }

  *#candidates(): Iterable<number> {
    const { first, last } = this.#range;
    const count = last - first + 1;
    const guess = (): number => Math.floor(this.#random() * count);
    for (let left = Math.min(guesses, count); left > 0; left -= 1) yield first + guess();
    const start = guess();
    for (let step = 0; step < count; step += 1) yield first + ((start + step) % count);
  }
}

function isInUse(thrown: unknown): boolean {
  const { cause } = thrown as { readonly cause?: NodeError };
  return cause?.code === "EADDRINUSE";
}

interface NodeError {
  readonly code?: string;
}
