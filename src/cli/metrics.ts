// A server's events as metrics of Prometheus. No name of a client or a file becomes a label, so
// their number is bounded whatever comes in.

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { type Aggregator, Counter, Gauge, Registry } from "prom-client";
import type { Address, PacketTap, ServerEvent, ServerStats, TftpErrorCode } from "../index.ts";
import type { Moved, Totals } from "../observe/totals.ts";
import { tellFirstProcess } from "./crew-metrics.ts";
import { EndedCounts, type Reading } from "./ended-counts.ts";

type StatName = "opening" | "queued" | "cacheBytes" | "cacheHits" | "cacheMisses";

/** What is asked of the server at each scrape. */
export interface Observed {
  stats(): Pick<ServerStats, StatName>;
}

interface Read {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** How the values of several processes become one. Default: their sum. */
  readonly aggregator?: Aggregator;
  /** Is asked at each scrape. */
  readonly read: () => readonly Reading[];
}

const lagMillis = 20;
const ops = ["get", "put"] as const;

/** What alerts ask for begins at 0, for a series that begins at 1 has not increased. */
const problemCodes = [
  ...(["NETWORK", "STORAGE", "INVALID_ARGUMENT"] as const),
  ...(["ACCESS_VIOLATION", "FILE_NOT_FOUND", "DISK_FULL"] as const),
] satisfies TftpErrorCode[];
const busy = "BUSY" satisfies TftpErrorCode;

export class Metrics implements PacketTap {
  readonly registry: Registry = new Registry();
  readonly #totals: Totals;
  readonly #ended: EndedCounts;
  readonly #refused: Counter;
  readonly #ignored: Counter;
  readonly #strays: Counter;
  readonly #problems: Counter;
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: lagMillis });
  #sockets = 0;
  #server: Observed | undefined;

  constructor(version: string, totals: Totals) {
    this.#totals = totals;
    this.#ended = new EndedCounts(this.registry);
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers: [this.registry] });
    this.#total({
      name: "tidewire_transfers_total",
      help: "Transfers that ended, by direction, outcome and family of client.",
      labels: ["op", "outcome", "family"],
      read: () => this.#ended.readings,
    });
    this.#refused = counter(
      "tidewire_requests_refused_total",
      "Requests that were answered with an ERROR, by its reason.",
      ["code"],
    );
    this.#ignored = counter(
      "tidewire_requests_ignored_total",
      "Requests that were not answered, by the reason.",
      ["reason"],
    );
    this.#strays = counter(
      "tidewire_stray_packets_total",
      "Packets that belonged to no transfer.",
      [],
    );
    this.#problems = counter(
      "tidewire_problems_total",
      "Times that something of this machine went wrong.",
      ["code"],
    );
    for (const code of problemCodes) this.#problems.inc({ code }, 0);
    this.#ignored.inc({ reason: busy }, 0);
    this.#defineMoved();
    this.#defineStats();
    this.#defineProcess(version);
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
    if (event.kind === "ended") this.#ended.handleEnded(event);
    else if (event.kind === "refused") this.#refused.inc({ code: event.error.code });
    else if (event.kind === "ignored") {
      this.#ignored.inc({ reason: event.error?.code ?? "VERDICT" });
    } else if (event.kind === "stray") this.#strays.inc();
    else if (event.kind === "problem") this.#problems.inc({ code: event.error.code });
  }

  /** In a worker: the first process asks all of them at each scrape. */
  answerFirstProcess(): void {
    tellFirstProcess(this.registry);
  }

  #defineMoved(): void {
    const kinds: readonly (readonly [name: string, help: string, what: Moved])[] = [
      ["tidewire_bytes_total", "Payload that reached the other side, or was stored.", "bytes"],
      ["tidewire_blocks_total", "The same in blocks.", "blocks"],
      ["tidewire_retransmissions_total", "Packets that were sent more than once.", "resent"],
      ["tidewire_duplicates_total", "Packets that told nothing new.", "duplicates"],
    ];
    const labels = ["op"];
    for (const [name, help, what] of kinds) {
      const read = (): Reading[] => {
        const now = this.#totals.now();
        return ops.map((op) => [now[op][what], { op }]);
      };
      this.#total({ name, help, labels, read });
    }
    const read = (): Reading[] => {
      const now = this.#totals.now();
      return ops.map((op) => [now[op].running, { op }]);
    };
    this.#gauge({ name: "tidewire_transfers_running", help: "Transfers that run.", labels, read });
  }

  #defineStats(): void {
    const stat = (name: StatName) => (): Reading[] => [[this.#server?.stats()[name] ?? 0]];
    this.#gauge({
      name: "tidewire_requests_opening",
      help: "Requests that wait for their content.",
      read: stat("opening"),
    });
    this.#gauge({
      name: "tidewire_requests_queued",
      help: "Requests that wait for a place among the transfers.",
      read: stat("queued"),
    });
    this.#gauge({
      name: "tidewire_sockets_open",
      help: "UDP sockets, with those that listen.",
      read: () => [[this.#sockets]],
    });
    this.#gauge({
      name: "tidewire_cache_bytes",
      help: "Encoded blocks kept.",
      read: stat("cacheBytes"),
    });
    this.#total({
      name: "tidewire_cache_hits_total",
      help: "Files whose blocks were encoded already.",
      read: stat("cacheHits"),
    });
    this.#total({
      name: "tidewire_cache_misses_total",
      help: "Files that had to be encoded.",
      read: stat("cacheMisses"),
    });
  }

  #defineProcess(version: string): void {
    this.#gauge({
      name: "tidewire_event_loop_lag_seconds",
      help: "Since the last scrape.",
      labels: ["quantile"],
      aggregator: "max",
      read: () => this.#lags(),
    });
    this.#gauge({
      name: "process_resident_memory_bytes",
      help: "Memory in use.",
      read: () => [[process.memoryUsage.rss()]],
    });
    this.#total({
      name: "process_cpu_seconds_total",
      help: "Processor time.",
      read: () => {
        const { user, system } = process.cpuUsage();
        return [[(user + system) / 1e6]];
      },
    });
    this.#gauge({
      name: "process_start_time_seconds",
      help: "Since the epoch.",
      aggregator: "min",
      read: () => [[performance.timeOrigin / 1000]],
    });
    this.#gauge({
      name: "tidewire_build_info",
      help: "Always 1.",
      labels: ["version", "node"],
      aggregator: "first",
      read: () => [[1, { version, node: process.version }]],
    });
  }

  #gauge({ name, help, labels = [], aggregator = "sum", read }: Read): void {
    new Gauge({
      ...{ name, help, aggregator, labelNames: [...labels], registers: [this.registry] },
      collect() {
        for (const [value, of = {}] of read()) this.set(of, value);
      },
    });
  }

  /** Of what only grows and is counted elsewhere. */
  #total({ name, help, labels = [], read }: Read): void {
    new Counter({
      ...{ name, help, labelNames: [...labels], registers: [this.registry] },
      collect() {
        this.reset();
        for (const [value, of = {}] of read()) this.inc(of, value);
      },
    });
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
