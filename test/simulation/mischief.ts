// Datagrams that nobody of a world has sent: from strangers, from nowhere, and some that bear the
// address of the peer. What nobody could tell from the truth (a block of the window, an ACK of what
// is under way) is left out; all else must change nothing.

import { encode, type Packet } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";
import type { Fabric, SimulatedSocket } from "./fabric.ts";
import type { Random } from "./random.ts";
import type { Flow } from "./referee.ts";

export interface MischiefCounts {
  strangers: number;
  forged: number;
  stray: number;
  forgedErrors: number;
}

export class Mischief {
  readonly counts: MischiefCounts = { strangers: 0, forged: 0, stray: 0, forgedErrors: 0 };
  readonly #fabric: Fabric;
  readonly #random: Random;
  #strangers = 0;

  constructor(fabric: Fabric, random: Random) {
    this.#fabric = fabric;
    this.#random = random;
  }

  /** Does one thing to one socket that is open now. */
  strike(): void {
    const { sockets } = this.#fabric;
    const open = [...sockets.values()];
    const target = open[this.#random.below(open.length)];
    if (!target) return;
    const { heard } = target;
    if (target.listening) this.#stray(target);
    else if (heard && this.#random.chance(0.5)) this.#forge(target, heard);
    else this.#beStranger(target);
  }

  #stray(target: SimulatedSocket): void {
    this.counts.stray += 1;
    const pretends = target.heard && this.#random.chance(0.3);
    const from = pretends ? (target.heard as Address) : this.#nobody();
    // A request in the name of a client would be its request.
    const datagram = pretends ? this.#answer(this.#random.below(0x10000)) : this.#anything(target);
    this.#bring(datagram, from, target);
  }

  #beStranger(target: SimulatedSocket): void {
    this.counts.strangers += 1;
    const { heard } = target;
    // Before its first answer a client cannot know the port that it will come from.
    const sameHost = heard && heard.port !== 69 && this.#random.chance(0.5);
    const { host, port } = this.#nobody();
    const from = { host: sameHost ? heard.host : host, port };
    this.#bring(this.#anything(target), from, target);
  }

  #forge(target: SimulatedSocket, peer: Address): void {
    const flow = target.flow(peer.port);
    if (flow.arrived === 0 && flow.data === 0) return;
    if (this.#random.chance(0.02)) {
      this.counts.forgedErrors += 1;
      this.#bring(encode({ op: "error", code: 0, message: "forged" }), peer, target);
      return;
    }
    this.counts.forged += 1;
    this.#bring(this.#answer(farFrom(flow, this.#random)), peer, target);
  }

  /** No request, no ERROR. */
  #answer(block: number): Uint8Array {
    const kind = this.#random.below(5);
    if (kind === 0) return this.#garbage();
    if (kind === 1) return data(block, this.#random.below(600));
    if (kind === 2) return encode({ op: "oack", options: forgedOptions });
    return encode({ op: "ack", block });
  }

  #anything(target: SimulatedSocket): Uint8Array {
    const random = this.#random;
    const kind = random.below(6);
    if (kind === 0) return encode({ op: "error", code: random.below(9), message: "go away" });
    if (kind === 1) return encode(request(random.pick(["rrq", "wrq"] as const)));
    // What the peer said last, whole or damaged, from a stranger's mouth.
    if (kind === 2 && target.lastHeard) return this.#damaged(target.lastHeard);
    return this.#answer(random.below(random.pick([3, 30, 0x10000])));
  }

  #damaged(datagram: Uint8Array): Uint8Array {
    const copy = datagram.slice(0, 1 + this.#random.below(datagram.length));
    if (this.#random.chance(0.5)) copy[this.#random.below(copy.length)] = this.#random.below(256);
    return copy;
  }

  #garbage(): Uint8Array {
    const bytes = new Uint8Array(this.#random.below(40));
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.#random.below(256);
    // Not by chance a block of the window, nor an ERROR.
    if (bytes.length > 1) bytes[1] = this.#random.pick([0, 7, 8, 255]);
    return bytes;
  }

  #nobody(): Address {
    this.#strangers += 1;
    return { host: "192.0.2.66", port: 40_000 + (this.#strangers % 20_000) };
  }

  #bring(datagram: Uint8Array, from: Address, target: SimulatedSocket): void {
    this.#fabric.arrive(datagram, from, target.local);
  }
}

/** A number that is not of the window, however large that is here. */
function farFrom(flow: Flow, random: Random): number {
  const here = Math.max(flow.highest, flow.arrived);
  return (here + 0x2000 + random.below(0xc000)) & 0xffff;
}

const forgedOptions = new Map([["windowsize", { name: "windowsize", value: "64" }]]);

function request(op: "rrq" | "wrq"): Packet & { op: "rrq" | "wrq" } {
  return { op, filename: "forged", mode: "octet", options: new Map() };
}

function data(block: number, size: number): Uint8Array {
  return Buffer.concat([Uint8Array.of(0, 3, block >> 8, block), Buffer.alloc(size, 0xee)]);
}
