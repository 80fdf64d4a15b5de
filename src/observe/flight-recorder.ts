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
  readonly client: Address;
  state: "asking" | "running" | "ended";
  id: string | undefined;
}

/** Requests that are neither answered nor refused yet. */
const askingMax = 1024;
/** As many as a history has entries. */
const keptMax = 500;

export class FlightRecorder implements PacketTap {
  readonly #options: RecorderOptions;
  readonly #budget: Budget;
  readonly #now: () => number;
  readonly #current = new ByAddress<Flight>();
  readonly #asking = new Set<Flight>();
  readonly #running = new Map<string, Flight>();
  /** What is kept of them begins at `#endedFrom`, the first that ended first. A Map would cost each
   * transfer more than it saves a reader. */
  #ended: Flight[] = [];
  #endedFrom = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#budget = { bytes: 0, bytesMax: options.bytesMax };
    const { timeOrigin } = performance;
    this.#now = options.now ?? (() => timeOrigin + performance.now());
  }

  /** What is kept of a transfer, or of a refused request, by its id. */
  record(id: string): PacketRecord | undefined {
    const running = this.#running.get(id);
    if (running) return running.record;
    for (let at = this.#ended.length - 1; at >= this.#endedFrom; at--) {
      const flight = this.#ended[at] as Flight;
      if (flight.id === id) return flight.record;
    }
    return undefined;
  }

  get bytes(): number {
    return this.#budget.bytes;
  }

  sent(run: Uint8Array, segmentSize: number, local: Address, to: Address): void {
    const flight = this.#current.get(to);
    if (!flight) return;
    const now = this.#now();
    if (run.length <= segmentSize) flight.record.add(run, true, local.port, now);
    else flight.record.addRun(run, segmentSize, local.port, now);
    if (this.#budget.bytes > this.#budget.bytesMax) this.#limit(flight);
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    let flight = this.#current.get(from);
    const asks = datagram[0] === 0 && (datagram[1] === 1 || datagram[1] === 2);
    if (asks && (!flight || flight.state === "ended")) flight = this.#begin(from);
    if (!flight) return;
    flight.record.add(datagram, false, local.port, this.#now());
    if (this.#budget.bytes > this.#budget.bytesMax) this.#limit(flight);
  }

  /** `id` names what begins or ends; to be told of every event. */
  handleEvent(event: ServerEvent, id: string): void {
    if (event.kind === "started") this.#start(id, event.transfer.client);
    else if (event.kind === "ended") {
      const flight = this.#running.get(id);
      this.#running.delete(id);
      if (flight) this.#end(flight, id);
    } else if (event.kind === "refused") {
      const flight = this.#current.get(event.request.client);
      if (flight?.state === "asking") this.#end(flight, id);
    } else if (event.kind === "ignored") {
      const flight = this.#current.get(event.request.client);
      if (flight?.state === "asking") this.#forget(flight);
    }
  }

  #begin(from: Address): Flight {
    const record = new PacketRecord(this.#budget, this.#options.whole);
    const flight: Flight = { record, client: from, state: "asking", id: undefined };
    this.#current.set(from, flight);
    this.#asking.add(flight);
    if (this.#asking.size > askingMax) {
      const [oldest] = this.#asking;
      if (oldest) this.#forget(oldest);
    }
    return flight;
  }

  #start(id: string, client: Address): void {
    let flight = this.#current.get(client);
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
    this.#ended.push(flight);
    if (this.#ended.length - this.#endedFrom > keptMax) this.#forgetOldest();
  }

  #limit(flight: Flight): void {
    while (this.#budget.bytes > this.#budget.bytesMax) {
      if (!this.#forgetOldest(flight) && !flight.record.dropOldest()) return;
    }
  }

  #forgetOldest(except?: Flight): boolean {
    const flight = this.#ended[this.#endedFrom];
    if (!flight || flight === except) return false;
    this.#endedFrom += 1;
    if (this.#endedFrom > keptMax) {
      this.#ended = this.#ended.slice(this.#endedFrom);
      this.#endedFrom = 0;
    }
    this.#forget(flight);
    return true;
  }

  #forget(flight: Flight): void {
    this.#asking.delete(flight);
    if (this.#current.get(flight.client) === flight) this.#current.delete(flight.client);
    flight.record.release();
  }
}

/** In two steps, because to join address and port for each packet would cost more than the rest. */
class ByAddress<T> {
  readonly #hosts = new Map<string, Map<number, T>>();

  get({ host, port }: Address): T | undefined {
    return this.#hosts.get(host)?.get(port);
  }

  set({ host, port }: Address, value: T): void {
    const ports = this.#hosts.get(host);
    if (ports) ports.set(port, value);
    else this.#hosts.set(host, new Map([[port, value]]));
  }

  delete({ host, port }: Address): void {
    const ports = this.#hosts.get(host);
    ports?.delete(port);
    if (ports?.size === 0) this.#hosts.delete(host);
  }
}
