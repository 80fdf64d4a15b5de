// Keeps the last packets of each transfer of a server. They are written into one log as they come;
// only when somebody looks, or before they are overwritten, those of a transfer are gathered, by
// the client's address and port. It must not know what is done with them.

import { isRequest } from "../core/packet.ts";
import type { Run } from "../core/run.ts";
import type { Address } from "../ports.ts";
import type { ServerEvent } from "../server/events.ts";
import { Flight } from "./flight.ts";
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

/** Requests that are neither answered nor refused yet. */
const askingMax = 1024;
/** As many as a history has entries. */
const keptMax = 500;
/** A power of 2. */
const runningPlaces = 1024;

export class FlightRecorder implements PacketTap {
  readonly #whole: boolean;
  readonly #now: () => number;
  readonly #budget: Budget;
  readonly #log: PacketLog;
  /** Who asked last; most are answered at once. */
  #latest: Flight | undefined;
  /** The others by peer: a Map that is filled and emptied all the time is built anew each time. */
  readonly #asking = new Map<number, Flight>();
  /** Each in the place that its id gives, or else among the others: what a Map held would, where
   * thousands come and go, stay in memory for long (see `PeerTable`). */
  readonly #running: (Flight | undefined)[] = Array(runningPlaces).fill(undefined);
  readonly #others = new Map<number, Flight>();
  /** A ring. */
  readonly #ended: (Flight | undefined)[] = Array(keptMax).fill(undefined);
  #oldest = 0;
  #newest = 0;
  /** To be used again: what is not made needs not be collected. */
  readonly #spare: Flight[] = [];

  constructor({ whole, bytesMax, now }: RecorderOptions) {
    const { timeOrigin } = performance;
    this.#whole = whole;
    this.#now = now ?? (() => timeOrigin + performance.now());
    this.#log = new PacketLog({
      whole,
      bytesMax: bytesMax / 2,
      isNeeded: (place) => this.#isNeeded(place),
      onOverwrite: (place) => this.#rescue(place),
    });
    this.#budget = { bytes: 0, bytesMax: bytesMax / 2 };
    this.moment();
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

  moment(): void {
    this.#log.timeMillis = this.#now();
  }

  sent(run: Run, local: Address, to: Address): void {
    this.#log.sent(run, local, to);
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    const place = isRequest(datagram) ? this.#log.head : undefined;
    this.#log.received(datagram, local, from);
    if (place !== undefined) this.#ask(from, place);
  }

  /** `id` names what begins or ends; to be told of every event. */
  handleEvent(event: ServerEvent, id: number): void {
    if (event.kind === "started") this.#start(event.transfer.client, id);
    else if (event.kind === "ended") {
      const flight = this.#takeRunning(id);
      if (flight) this.#end(flight);
    } else if (event.kind === "refused") {
      const flight = this.#takeAsking(event.request.client);
      if (!flight) return;
      flight.id = id;
      flight.start = flight.from;
      this.#end(flight);
    } else if (event.kind === "ignored") {
      const flight = this.#takeAsking(event.request.client);
      if (flight) this.#spare.push(flight);
    }
  }

  /** A request that is repeated belongs to the first one. */
  #ask(from: Address, place: number): void {
    const peer = this.#log.peerOf(from);
    const asking = this.#askingOf(peer);
    if (asking && !asking.stale) {
      asking.asked = place;
      return;
    }
    if (asking) {
      asking.begin(peer, place, this.#whole);
      return;
    }
    if (this.#latest) this.#asking.set(this.#latest.peer, this.#latest);
    this.#latest = this.#begin(peer, place);
    if (this.#asking.size > askingMax) {
      const [oldest] = this.#asking.values();
      if (oldest) this.#spare.push(this.#forgetAsking(oldest));
    }
  }

  #begin(peer: number, from: number): Flight {
    const flight = this.#spare.pop() ?? new Flight();
    flight.begin(peer, from, this.#whole);
    return flight;
  }

  #askingOf(peer: number): Flight | undefined {
    if (this.#latest?.peer === peer) return this.#latest;
    return this.#asking.size > 0 ? this.#asking.get(peer) : undefined;
  }

  #takeAsking(client: Address): Flight | undefined {
    const flight = this.#askingOf(this.#log.peerOf(client));
    return flight && this.#forgetAsking(flight);
  }

  #forgetAsking(flight: Flight): Flight {
    if (flight === this.#latest) this.#latest = undefined;
    else this.#asking.delete(flight.peer);
    return flight;
  }

  #start(client: Address, id: number): void {
    const { head } = this.#log;
    const flight = this.#takeAsking(client) ?? this.#begin(this.#log.peerOf(client), head);
    flight.id = id;
    flight.start = head;
    const place = id & (runningPlaces - 1);
    if (this.#running[place]) this.#others.set(id, flight);
    else this.#running[place] = flight;
  }

  #takeRunning(id: number): Flight | undefined {
    const place = id & (runningPlaces - 1);
    const flight = this.#running[place];
    if (flight?.id === id) {
      this.#running[place] = undefined;
      return flight;
    }
    const other = this.#others.get(id);
    this.#others.delete(id);
    return other;
  }

  /** Late packets still belong to it, until the client asks again. */
  #end(flight: Flight): void {
    flight.end = this.#log.head;
    const next = this.#askingOf(flight.peer);
    if (next) {
      next.from = next.asked;
      next.stale = true;
    }
    if (this.#newest - this.#oldest === keptMax) this.#forgetOldest();
    this.#ended[this.#newest % keptMax] = flight;
    this.#newest += 1;
  }

  #find(id: number): Flight | undefined {
    const running = this.#running[id & (runningPlaces - 1)];
    if (running?.id === id) return running;
    for (let at = this.#newest - 1; at >= this.#oldest; at--) {
      const flight = this.#ended[at % keptMax];
      if (flight?.id === id) return flight;
    }
    return this.#others.get(id);
  }

  /** In the order in which they ended; those that run are the last. */
  #kept(): Flight[] {
    const kept: Flight[] = [];
    for (let at = this.#oldest; at < this.#newest; at++) {
      kept.push(this.#ended[at % keptMax] as Flight);
    }
    for (const flight of this.#running) if (flight) kept.push(flight);
    for (const flight of this.#others.values()) kept.push(flight);
    return kept;
  }

  #isNeeded(place: number): boolean {
    if (this.#latest && this.#latest.from < place) return true;
    for (let at = this.#oldest; at < this.#newest; at++) {
      if ((this.#ended[at % keptMax] as Flight).from < place) return true;
    }
    for (const flight of this.#running) if (flight && flight.from < place) return true;
    for (const flight of this.#others.values()) if (flight.from < place) return true;
    for (const { from, stale } of this.#asking.values()) if (from < place && !stale) return true;
    return false;
  }

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
      const rows = this.#log.rows(place);
      for (const flight of same) {
        if (place < flight.from || place >= flight.until) continue;
        if (place >= flight.end && rows.some(asks)) flight.until = place;
        else for (const row of rows) flight.record?.addRow(row);
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
    const flight = this.#oldest < this.#newest && this.#ended[this.#oldest % keptMax];
    if (!flight || except.includes(flight)) return false;
    this.#oldest += 1;
    flight.release();
    this.#spare.push(flight);
    return true;
  }
}

function asks({ sent, opcode }: Row): boolean {
  return !sent && (opcode === 1 || opcode === 2);
}
