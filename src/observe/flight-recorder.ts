// Keeps the last packets of each transfer of a server. A transfer's packets are told apart by the
// client's address and port, as the server tells them. It must not know what is done with them.

import type { Address } from "../ports.ts";
import type { ServerEvent } from "../server/events.ts";
import { type Budget, PacketRecord } from "./packet-record.ts";
import type { PacketTap } from "./tap.ts";

export interface RecorderOptions {
  /** Keep the content of DATA, too. */
  readonly whole: boolean;
  /** For all transfers together; those that ended first are forgotten first. */
  readonly bytesMax: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface Flight {
  readonly record: PacketRecord;
  readonly client: string;
  state: "asking" | "running" | "ended";
  id: string | undefined;
}

/** Requests that are neither answered nor refused yet. */
const askingMax = 1024;
const keptMax = 2000;

export class FlightRecorder implements PacketTap {
  readonly #options: RecorderOptions;
  readonly #budget: Budget;
  readonly #now: () => number;
  /** By the client's address and port. */
  readonly #current = new Map<string, Flight>();
  readonly #asking = new Set<Flight>();
  readonly #running = new Map<string, Flight>();
  /** Ended, the first that ended first. */
  readonly #kept = new Map<string, Flight>();
  #lastClient = "";
  #lastFlight: Flight | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#budget = { bytes: 0, bytesMax: options.bytesMax };
    this.#now = options.now ?? (() => performance.timeOrigin + performance.now());
  }

  /** What is kept of a transfer, or of a refused request, by its id. */
  record(id: string): PacketRecord | undefined {
    return (this.#running.get(id) ?? this.#kept.get(id))?.record;
  }

  get bytes(): number {
    return this.#budget.bytes;
  }

  sent(run: Uint8Array, segmentSize: number, local: Address, to: Address): void {
    const flight = this.#flightOf(to);
    if (!flight) return;
    const now = this.#now();
    for (let at = 0; at < run.length; at += segmentSize) {
      flight.record.add(run.subarray(at, at + segmentSize), true, local.port, now);
    }
    this.#limit(flight);
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    let flight = this.#flightOf(from);
    const asks = datagram[0] === 0 && (datagram[1] === 1 || datagram[1] === 2);
    if (asks && (!flight || flight.state === "ended")) flight = this.#begin(from);
    if (!flight) return;
    flight.record.add(datagram, false, local.port, this.#now());
    this.#limit(flight);
  }

  /** `id` names what begins or ends; to be told of every event. */
  handleEvent(event: ServerEvent, id: string): void {
    if (event.kind === "started") this.#start(id, event.transfer.client);
    else if (event.kind === "ended") {
      const flight = this.#running.get(id);
      this.#running.delete(id);
      if (flight) this.#end(flight, id);
    } else if (event.kind === "refused") {
      const flight = this.#current.get(keyOf(event.request.client));
      if (flight?.state === "asking") this.#end(flight, id);
    } else if (event.kind === "ignored") {
      const flight = this.#current.get(keyOf(event.request.client));
      if (flight?.state === "asking") this.#forget(flight);
    }
  }

  /** The packets of one host come one after the other more often than not. */
  #flightOf(peer: Address): Flight | undefined {
    const client = keyOf(peer);
    if (client === this.#lastClient && this.#lastFlight) return this.#lastFlight;
    this.#lastClient = client;
    this.#lastFlight = this.#current.get(client);
    return this.#lastFlight;
  }

  #begin(from: Address): Flight {
    const client = keyOf(from);
    const record = new PacketRecord(this.#budget, this.#options.whole);
    const flight: Flight = { record, client, state: "asking", id: undefined };
    this.#set(flight);
    this.#asking.add(flight);
    const [oldest] = this.#asking;
    if (this.#asking.size > askingMax && oldest) this.#forget(oldest);
    return flight;
  }

  #start(id: string, client: Address): void {
    let flight = this.#current.get(keyOf(client));
    if (flight?.state !== "asking") {
      // The client began anew while its earlier transfer was running: the request stands there.
      const request = flight?.record.lastRequest;
      flight = this.#begin(client);
      if (request) {
        const { bytes, localPort, timeMillis } = request;
        flight.record.add(bytes, false, localPort, timeMillis);
      }
    }
    this.#asking.delete(flight);
    flight.state = "running";
    flight.id = id;
    this.#running.set(id, flight);
  }

  /** It stays the client's current one: late packets belong to it. */
  #end(flight: Flight, id: string): void {
    this.#asking.delete(flight);
    flight.state = "ended";
    flight.id = id;
    this.#kept.set(id, flight);
    if (this.#kept.size > keptMax) this.#forgetOldest();
  }

  #limit(flight: Flight): void {
    while (this.#budget.bytes > this.#budget.bytesMax) {
      if (!this.#forgetOldest(flight) && !flight.record.dropOldest()) return;
    }
  }

  #forgetOldest(except?: Flight): boolean {
    for (const flight of this.#kept.values()) {
      if (flight === except) continue;
      this.#forget(flight);
      return true;
    }
    return false;
  }

  #forget(flight: Flight): void {
    this.#asking.delete(flight);
    if (flight.id !== undefined) this.#kept.delete(flight.id);
    if (this.#current.get(flight.client) === flight) this.#current.delete(flight.client);
    this.#lastFlight = undefined;
    flight.record.release();
  }

  #set(flight: Flight): void {
    this.#current.set(flight.client, flight);
    this.#lastFlight = undefined;
  }
}

function keyOf({ host, port }: Address): string {
  return `${host} ${port}`;
}
