// A server's events as metrics. No name of a client or a file becomes a label, so their number is
// bounded whatever comes in.

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { Address } from "../ports.ts";
import type { ServerEvent, TransferInfo } from "../server/events.ts";
import { type Counter, type Histogram, type Reading, Registry } from "./exposition.ts";
import type { PacketTap } from "./tap.ts";

/** What is asked of the server at each scrape. */
export interface Observed {
  snapshot(): readonly TransferInfo[];
  stats(): {
    readonly opening: number;
    readonly cacheBytes: number;
    readonly cacheHits: number;
    readonly cacheMisses: number;
  };
}

const durations = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800];
const roundTrips = [1e-4, 2.5e-4, 1e-3, 2.5e-3, 0.01, 0.025, 0.1, 0.25, 1, 2.5];
/** Families of clients come from what clients send. */
const familiesMax = 40;
const lagMillis = 20;
const ops = ["get", "put"] as const;
type Op = (typeof ops)[number];
type Moved = "bytes" | "blocks" | "resent" | "duplicates";

export class Metrics implements PacketTap {
  readonly #registry = new Registry();
  readonly #transfers: Counter;
  readonly #refused: Counter;
  readonly #ignored: Counter;
  readonly #strays: Counter;
  readonly #problems: Counter;
  readonly #durations: Histogram;
  readonly #roundTrips: Histogram;
  readonly #families = new Set<string>();
  /** Of the transfers that ended. */
  readonly #moved = { get: nothingMoved(), put: nothingMoved() };
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: lagMillis });
  #sockets = 0;
  #server: Observed | undefined;

  constructor(version: string) {
    const registry = this.#registry;
    this.#transfers = registry.counter(
      "tidewire_transfers_total",
      "Transfers that ended, by direction, outcome and family of client.",
    );
    this.#refused = registry.counter(
      "tidewire_requests_refused_total",
      "Requests that were answered with an ERROR, by its reason.",
    );
    this.#ignored = registry.counter(
      "tidewire_requests_ignored_total",
      "Requests that were not answered, by the reason.",
    );
    this.#strays = registry.counter(
      "tidewire_stray_packets_total",
      "Packets that belonged to no transfer.",
    );
    this.#problems = registry.counter(
      "tidewire_problems_total",
      "Times that something of this machine went wrong.",
    );
    this.#durations = registry.histogram(
      "tidewire_transfer_duration_seconds",
      "How long transfers took that moved a whole file.",
      durations,
    );
    this.#roundTrips = registry.histogram(
      "tidewire_round_trip_seconds",
      "The smoothed round trip of each transfer at its end.",
      roundTrips,
    );
    this.#defineMoved();
    this.#defineGauges(version);
  }

  /** From now on the server is asked at each scrape. */
  watch(server: Observed): void {
    this.#server = server;
    this.#lag.enable();
  }

  close(): void {
    this.#lag.disable();
  }

  opened(_local: Address): void {
    this.#sockets += 1;
  }

  closed(_local: Address): void {
    this.#sockets -= 1;
  }

  handleEvent(event: ServerEvent): void {
    if (event.kind === "ended") this.#end(event);
    else if (event.kind === "refused") this.#refused.add(1, { code: event.error.code });
    else if (event.kind === "ignored") {
      this.#ignored.add(1, { reason: event.error?.code ?? "VERDICT" });
    } else if (event.kind === "stray") this.#strays.add(1);
    else if (event.kind === "problem") this.#problems.add(1, { code: event.error.code });
  }

  /** The exposition, in the text format of Prometheus. */
  text(): string {
    return this.#registry.text();
  }

  /** Payload bytes so far, with those of running transfers. */
  bytes(op: Op): number {
    return this.#movedNow("bytes", op);
  }

  #end({ ending, transfer }: Extract<ServerEvent, { kind: "ended" }>): void {
    const op = opOf(transfer);
    this.#transfers.add(1, { op, outcome: ending, family: this.#familyOf(transfer) });
    const moved = this.#moved[op];
    moved.bytes += transfer.bytes;
    moved.blocks += blocksOf(transfer);
    moved.resent += transfer.resent;
    moved.duplicates += transfer.duplicates;
    if (ending === "completed" || ending === "unconfirmed") {
      this.#durations.observe(transfer.durationMillis / 1000, { op });
    }
    const { roundTripMillis } = transfer;
    if (roundTripMillis !== undefined) this.#roundTrips.observe(roundTripMillis / 1000);
  }

  #familyOf(transfer: TransferInfo & { readonly family?: string }): string {
    const family = transfer.family ?? "unknown";
    if (this.#families.has(family)) return family;
    if (this.#families.size >= familiesMax) return "other";
    this.#families.add(family);
    return family;
  }

  #movedNow(what: Moved, op: Op): number {
    let sum = this.#moved[op][what];
    for (const transfer of this.#server?.snapshot() ?? []) {
      if (opOf(transfer) !== op) continue;
      sum += what === "blocks" ? blocksOf(transfer) : transfer[what];
    }
    return sum;
  }

  #defineMoved(): void {
    const kinds: readonly (readonly [name: string, help: string, what: Moved])[] = [
      ["tidewire_bytes_total", "Payload that reached the other side, or was stored.", "bytes"],
      ["tidewire_blocks_total", "The same in blocks.", "blocks"],
      ["tidewire_retransmissions_total", "Packets that were sent more than once.", "resent"],
      ["tidewire_duplicates_total", "Packets that told nothing new.", "duplicates"],
    ];
    for (const [name, help, what] of kinds) {
      this.#registry.total(name, help, () =>
        ops.map((op): Reading => [this.#movedNow(what, op), { op }]),
      );
    }
  }

  #defineGauges(version: string): void {
    const registry = this.#registry;
    const stats = () => this.#server?.stats();
    const gauge = (name: string, help: string, read: () => number): void =>
      registry.gauge(name, help, () => [[read()]]);
    const total = (name: string, help: string, read: () => number): void =>
      registry.total(name, help, () => [[read()]]);
    registry.gauge("tidewire_transfers_running", "Transfers that run now.", () => {
      const running = this.#server?.snapshot() ?? [];
      return ops.map((op) => [running.filter((each) => opOf(each) === op).length, { op }]);
    });
    gauge(
      "tidewire_requests_opening",
      "Requests that wait for their content.",
      () => stats()?.opening ?? 0,
    );
    gauge("tidewire_sockets_open", "UDP sockets, with those that listen.", () => this.#sockets);
    gauge("tidewire_cache_bytes", "Encoded blocks kept.", () => stats()?.cacheBytes ?? 0);
    total("tidewire_cache_hits_total", "Files whose blocks were encoded already.", () => {
      return stats()?.cacheHits ?? 0;
    });
    total("tidewire_cache_misses_total", "Files that had to be encoded.", () => {
      return stats()?.cacheMisses ?? 0;
    });
    registry.gauge("tidewire_event_loop_lag_seconds", "Since the last scrape.", () => this.#lags());
    gauge("process_resident_memory_bytes", "Memory in use.", () => process.memoryUsage.rss());
    total("process_cpu_seconds_total", "Processor time.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    gauge("process_start_time_seconds", "Since the epoch.", () => performance.timeOrigin / 1000);
    registry.gauge("tidewire_build_info", "Always 1.", () => [
      [1, { version, node: process.version }],
    ]);
  }

  #lags(): readonly Reading[] {
    const lag = this.#lag;
    // What is measured is how long a timer took that should take `lagMillis`.
    const seconds = (nanos: number): number => {
      return lag.count > 0 ? Math.max(0, nanos / 1e9 - lagMillis / 1000) : 0;
    };
    const readings: readonly Reading[] = [
      [seconds(lag.percentile(50)), { quantile: "0.5" }],
      [seconds(lag.percentile(99)), { quantile: "0.99" }],
      [seconds(lag.max), { quantile: "1" }],
    ];
    lag.reset();
    return readings;
  }
}

function nothingMoved(): Record<Moved, number> {
  return { bytes: 0, blocks: 0, resent: 0, duplicates: 0 };
}

function opOf({ op }: TransferInfo): Op {
  return op === "rrq" ? "get" : "put";
}

/** The last block of a whole file is shorter than the others, perhaps empty. */
function blocksOf({ bytes, blksize, size }: TransferInfo): number {
  const full = Math.floor(bytes / blksize);
  return size === undefined ? Math.ceil(bytes / blksize) : full + (bytes >= size ? 1 : 0);
}
