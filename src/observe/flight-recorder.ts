// Keeps the last packets of each transfer of a server. They are written into one log as they come;
// only when somebody looks, or before they are overwritten, those of a transfer are gathered, by
// the client's address and port. It must not know what is done with them.

import type { Address } from "../ports.ts";
import type { ServerEvent } from "../server/events.ts";
import { PacketLog, type Row } from "./packet-log.ts";
import { type Budget, PacketRecord } from "./packet-record.ts";
import type { PacketTap } from "./tap.ts";

export interface RecorderOptions {
  /** Keep the content of DATA, too. */
  readonly whole: boolean;
  /** For all transfers together, half of it for the log; of the rest those that ended first are
   * forgotten first. */
  readonly bytesMax: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Places are those of the log. */
class Flight {
  readonly peer: number;
  id = 0;
  /** Its first packet that was not gathered yet. */
  from: number;
  /** The last of its requests. */
  asked: number;
  /** What the peer sent before belongs to an earlier one, too. */
  start: number = Number.POSITIVE_INFINITY;
  end: number = Number.POSITIVE_INFINITY;
  /** From here on it owns nothing more. */
  until: number = Number.POSITIVE_INFINITY;
  /** Its request was still there when an earlier one ended, which it may have been repeated for. */
  stale = false;
  whole: boolean;
  record: PacketRecord | undefined;

  constructor(peer: number, from: number, whole: boolean) {
    this.peer = peer;
    this.from = this.asked = from;
    this.whole = whole;
  }
}

/** Requests that are neither answered nor refused yet. */
const askingMax = 1024;
/** As many as a history has entries. */
const keptMax = 500;

export class FlightRecorder implements PacketTap {
  readonly #whole: boolean;
  readonly #budget: Budget;
  readonly #log: PacketLog;
  /** By peer. */
  readonly #asking = new Map<number, Flight>();
  /** By id. */
  readonly #running = new Map<number, Flight>();
  /** What is kept of them begins at `#endedFrom`, the first that ended first. A Map would cost each
   * transfer more than it saves a reader. */
  #ended: Flight[] = [];
  #endedFrom = 0;

  constructor({ whole, bytesMax, now }: RecorderOptions) {
    const { timeOrigin } = performance;
    this.#whole = whole;
    this.#log = new PacketLog({
      whole,
      bytesMax: bytesMax / 2,
      now: now ?? (() => timeOrigin + performance.now()),
      onOverwrite: (place) => this.#rescue(place),
    });
    this.#budget = { bytes: 0, bytesMax: bytesMax / 2 };
  }

  /** What is kept of a transfer, or of a refused request, by its id. */
  record(id: number): PacketRecord | undefined {
    const flight = this.#find(id);
    if (!flight) return undefined;
    this.#gather([flight], this.#log.head);
    return flight.record;
  }

  /** Nobody wants the content of its DATA any more. */
  forgetContent(id: number): void {
    const flight = this.#find(id);
    if (flight) flight.whole = false;
    flight?.record?.forgetContent();
  }

  /** Beside the log. */
  get bytes(): number {
    return this.#budget.bytes;
  }

  sent(run: Uint8Array, segmentSize: number, local: Address, to: Address): void {
    this.#log.sent(run, segmentSize, local, to);
  }

  received(datagram: Uint8Array, local: Address, from: Address, receipt?: number): void {
    const place = this.#log.head;
    this.#log.received(datagram, local, from, receipt);
    if (datagram[0] === 0 && (datagram[1] === 1 || datagram[1] === 2)) this.#ask(from, place);
  }

  /** `id` names what begins or ends; to be told of every event. */
  handleEvent(event: ServerEvent, id: number): void {
    if (event.kind === "started") this.#start(event.transfer.client, id);
    else if (event.kind === "ended") {
      const flight = this.#running.get(id);
      if (!flight) return;
      this.#running.delete(id);
      this.#end(flight);
    } else if (event.kind === "refused") {
      const flight = this.#takeAsking(event.request.client);
      if (!flight) return;
      flight.id = id;
      flight.start = flight.from;
      this.#end(flight);
    } else if (event.kind === "ignored") this.#takeAsking(event.request.client);
  }

  /** A request that is repeated belongs to the first one. */
  #ask(from: Address, place: number): void {
    const peer = this.#log.peerOf(from);
    const asking = this.#asking.get(peer);
    if (asking && !asking.stale) {
      asking.asked = place;
      return;
    }
    this.#asking.delete(peer);
    this.#asking.set(peer, new Flight(peer, place, this.#whole));
    if (this.#asking.size > askingMax) {
      const [oldest] = this.#asking.keys();
      if (oldest !== undefined) this.#asking.delete(oldest);
    }
  }

  #takeAsking(client: Address): Flight | undefined {
    const peer = this.#log.peerOf(client);
    const flight = this.#asking.get(peer);
    if (flight) this.#asking.delete(peer);
    return flight;
  }

  #start(client: Address, id: number): void {
    const { head } = this.#log;
    const asked = this.#takeAsking(client);
    const flight = asked ?? new Flight(this.#log.peerOf(client), head, this.#whole);
    flight.id = id;
    flight.start = head;
    this.#running.set(id, flight);
  }

  /** Late packets still belong to it, until the client asks again. */
  #end(flight: Flight): void {
    flight.end = this.#log.head;
    const next = this.#asking.get(flight.peer);
    if (next) {
      next.from = next.asked;
      next.stale = true;
    }
    this.#ended.push(flight);
    if (this.#ended.length - this.#endedFrom > keptMax) this.#forgetOldest();
  }

  #find(id: number): Flight | undefined {
    const running = this.#running.get(id);
    if (running) return running;
    for (let at = this.#ended.length - 1; at >= this.#endedFrom; at--) {
      const flight = this.#ended[at] as Flight;
      if (flight.id === id) return flight;
    }
    return undefined;
  }

  #kept(): Flight[] {
    return [...this.#ended.slice(this.#endedFrom), ...this.#running.values()];
  }

  /** Most of what is overwritten belongs to transfers that are forgotten already. */
  #rescue(to: number): void {
    const flights = this.#kept().filter(({ from }) => from < to);
    if (flights.length > 0) this.#gather(flights, to);
  }

  /** Brings what the log has of them up to a place into their records. */
  #gather(flights: readonly Flight[], to: number): void {
    const from = flights.reduce((first, flight) => Math.min(first, flight.from), to);
    this.#bound(flights);
    const byPeer = new Map<number, Flight[]>();
    for (const flight of flights) {
      flight.record ??= new PacketRecord(this.#budget, flight.whole);
      const same = byPeer.get(flight.peer);
      if (same) same.push(flight);
      else byPeer.set(flight.peer, [flight]);
    }
    this.#log.scan(from, to, (peer, place) => {
      const same = byPeer.get(peer);
      if (!same) return;
      const row = this.#log.row(place);
      for (const flight of same) {
        if (place < flight.from || place >= flight.until) continue;
        if (place >= flight.end && asks(row)) flight.until = place;
        else flight.record?.addRow(row);
      }
      if (this.#budget.bytes > this.#budget.bytesMax) this.#limit(same);
    });
    for (const flight of flights) flight.from = to;
  }

  /** Each ends, at the latest, where the next one of the same peer starts. */
  #bound(flights: readonly Flight[]): void {
    const starts = new Map<number, number[]>();
    for (const { peer, start } of this.#kept()) {
      const same = starts.get(peer);
      if (same) same.push(start);
      else starts.set(peer, [start]);
    }
    for (const flight of flights) {
      for (const start of starts.get(flight.peer) ?? []) {
        if (start > flight.start && start < flight.until) flight.until = start;
      }
    }
  }

  #limit(flights: readonly Flight[]): void {
    while (this.#budget.bytes > this.#budget.bytesMax) {
      if (this.#forgetOldest(flights)) continue;
      if (!flights.some(({ record }) => record?.dropOldest())) return;
    }
  }

  #forgetOldest(except: readonly Flight[] = []): boolean {
    const flight = this.#ended[this.#endedFrom];
    if (!flight || except.includes(flight)) return false;
    this.#endedFrom += 1;
    if (this.#endedFrom > keptMax) {
      this.#ended = this.#ended.slice(this.#endedFrom);
      this.#endedFrom = 0;
    }
    flight.until = 0;
    flight.record?.release();
    return true;
  }
}

function asks({ sent, opcode }: Row): boolean {
  return !sent && (opcode === 1 || opcode === 2);
}
