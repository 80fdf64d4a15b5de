// Watches every datagram of a world at the socket that sends it and at the one that takes it, and
// tells what breaks the protocol. Knows only the wire, not the machines behind it.

import { latestUpTo } from "../../src/core/block-number.ts";
import { decode, type Options } from "../../src/core/packet.ts";
import type { Conditions } from "./line.ts";

/** What one socket and one peer of it have seen of each other. */
export interface Flow {
  windowsize: number;
  rollover: 0 | 1;
  /** As a sender of DATA: the latest ACK that arrived, -1 while an OACK is unanswered. */
  acked: number;
  highest: number;
  data: number;
  /** As a receiver of DATA: all up to here arrived, and these beyond. */
  arrived: number;
  readonly early: Set<number>;
  errorHeard: boolean;
  /** An OACK has passed: it says what holds, and none after it does. */
  answered: boolean;
  /** The server has called the transfer ended. */
  ended: boolean;
  /** Its peer has sent a request, perhaps a late copy of the one that it came from. */
  asked: boolean;
}

/** What of a world makes a transfer dear. */
export interface Hardships {
  /** A queue on the way may be shorter than a window: all but its first blocks are lost each
   * time. */
  readonly queues: boolean;
}

/** How many DATA packets a transfer may cost for each of its blocks, eight blocks added as a short
 * one repeats its only block many times. A peer that is gone is sent the whole window once an
 * attempt, of which there are up to 25. */
export function dataPerBlockMax(windowsize: number, { queues }: Hardships): number {
  return 28 + (queues ? windowsize : 0);
}

/** Of the lines of a world. */
export function hardshipsOf(lines: readonly Conditions[]): Hardships {
  return {
    queues: lines.some(({ queueMax }) => queueMax !== undefined),
  };
}

export class Referee {
  readonly #hardships: Hardships;
  /** The first thing that went wrong. */
  fault: string | undefined;
  worstDataPerBlock = 0;
  errorsSent = 0;
  /** All that was sent by the rules, and all that has arrived. */
  datagrams = 0;
  /** The port that the ERROR came from which is being delivered. */
  #errorFrom = -1;

  constructor(hardships: Hardships) {
    this.#hardships = hardships;
  }

  note(fault: string): void {
    this.fault ??= fault;
  }

  /** `listening`: the flow is not a transfer, but the port that takes requests. */
  handleSent(datagram: Uint8Array, flow: Flow, to: number, listening: boolean): void {
    const op = datagram[1];
    this.datagrams += 1;
    // A transfer may have the port of its peer's former one, where there is no other.
    const opens = op === 6 || (op === 3 && wireNumber(datagram) === 1);
    if (opens && flow.ended && flow.asked) {
      // What came for the former one may have been taken before this one had room to open.
      const { arrived } = flow;
      Object.assign(flow, newFlow(), { arrived });
    }
    if (op === 3) this.#handleDataSent(wireNumber(datagram), flow);
    else if (op === 4) this.#handleAckSent(wireNumber(datagram), flow);
    else if (op === 6) {
      if (!flow.answered) flow.acked = -1;
      adopt(flow, datagram);
    } else if (op === 5) this.#handleErrorSent(flow, to, listening);
  }

  /** To be called before the receiver sees it; `endOfDelivery` after all that it did at once. */
  handleArrival(datagram: Uint8Array, flow: Flow, from: number): void {
    const op = datagram[1];
    this.datagrams += 1;
    // What an ERROR has overtaken may be turned away like anything else, even what is no packet.
    flow.errorHeard = false;
    if (datagram[0] !== 0 || datagram.length < 4) return;
    if (op === 3) {
      const block = latestUpTo(flow.arrived + flow.windowsize, wireNumber(datagram), flow.rollover);
      if (block <= flow.arrived) return;
      flow.early.add(block);
      while (flow.early.delete(flow.arrived + 1)) flow.arrived += 1;
    } else if (op === 4) this.#handleAckArrival(wireNumber(datagram), flow);
    else if (op === 6) {
      adopt(flow, datagram);
      if (flow.acked < 0) flow.acked = 0;
    } else if (op === 5) {
      flow.errorHeard = true;
      this.#errorFrom = from;
    }
  }

  endOfDelivery(): void {
    this.#errorFrom = -1;
  }

  #handleDataSent(wire: number, flow: Flow): void {
    const windowEnd = flow.acked + flow.windowsize;
    const block = latestUpTo(windowEnd, wire, flow.rollover);
    if (flow.acked < 0) this.note(`DATA ${wire} was sent before the OACK was acknowledged`);
    else if (block <= flow.acked) {
      this.note(`DATA ${wire} is not of the window ${flow.acked + 1} to ${windowEnd}`);
    }
    flow.data += 1;
    if (block > flow.highest) flow.highest = block;
    const perBlock = flow.data / (flow.highest + 8);
    if (perBlock > this.worstDataPerBlock) this.worstDataPerBlock = perBlock;
    if (perBlock > dataPerBlockMax(flow.windowsize, this.#hardships)) {
      this.note(`${flow.data} DATA were sent for ${flow.highest} blocks`);
    }
  }

  #handleAckSent(wire: number, flow: Flow): void {
    if (latestUpTo(flow.arrived, wire, flow.rollover) < 0) {
      this.note(`ACK ${wire} was sent, but only ${flow.arrived} blocks have arrived`);
    }
  }

  #handleAckArrival(wire: number, flow: Flow): void {
    const block = latestUpTo(flow.highest, wire, flow.rollover);
    if (block > flow.acked) flow.acked = block;
  }

  #handleErrorSent(flow: Flow, to: number, listening: boolean): void {
    this.errorsSent += 1;
    if (to === this.#errorFrom) this.note("an ERROR was answered with an ERROR");
    else if (flow.errorHeard && !listening) this.note("an ERROR followed an ERROR of the peer");
  }
}

export function newFlow(): Flow {
  return {
    windowsize: 1,
    rollover: 0,
    acked: 0,
    highest: 0,
    data: 0,
    arrived: 0,
    early: new Set(),
    errorHeard: false,
    answered: false,
    ended: false,
    asked: false,
  };
}

/** What an OACK says holds. */
function adopt(flow: Flow, datagram: Uint8Array): void {
  if (flow.answered || flow.arrived > 0 || flow.data > 0) return;
  const packet = decode(datagram);
  if (packet.op !== "oack") return;
  flow.answered = true;
  flow.windowsize = numberOf(packet.options, "windowsize") ?? 1;
  flow.rollover = numberOf(packet.options, "rollover") === 1 ? 1 : 0;
}

function numberOf(options: Options, name: string): number | undefined {
  const value = options.get(name)?.value;
  return value === undefined ? undefined : Number(value);
}

function wireNumber(datagram: Uint8Array): number {
  return ((datagram[2] as number) << 8) | (datagram[3] as number);
}
