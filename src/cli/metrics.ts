// A server's events as metrics of Prometheus. No name of a client or a file becomes a label, so
// their number is bounded whatever comes in.

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { type Aggregator, AggregatorRegistry, Counter, Gauge, Registry } from "prom-client";
import type {
  Address,
  Ending,
  PacketTap,
  ServerEvent,
  ServerStats,
  TransferInfo,
} from "../index.ts";
import { type Moved, opOf, type Totals } from "../observe/totals.ts";
import { PlainHistogram, type Series } from "./histogram.ts";

type StatName = "opening" | "queued" | "cacheBytes" | "cacheHits" | "cacheMisses";

/** What is asked of the server at each scrape. */
export interface Observed {
  stats(): Pick<ServerStats, StatName>;
}

type Labels = Readonly<Record<string, string>>;
type Reading = readonly [value: number, labels?: Labels];

interface Read {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** How the values of several processes become one. Default: their sum. */
  readonly aggregator?: Aggregator;
  /** Is asked at each scrape. */
  readonly read: () => readonly Reading[];
}

/** Transfers that are alike. */
interface Counted {
  readonly labels: Labels;
  /** Of those that moved a whole file. */
  readonly durations: Series | undefined;
  count: number;
}

interface Last {
  readonly op: TransferInfo["op"];
  readonly ending: Ending;
  readonly family: string | undefined;
  readonly counted: Counted;
}

const durations = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800];
const roundTrips = [1e-4, 2.5e-4, 1e-3, 2.5e-3, 0.01, 0.025, 0.1, 0.25, 1, 2.5];
/** Families of clients come from what clients send. */
const familiesMax = 40;
const lagMillis = 20;
const ops = ["get", "put"] as const;

export class Metrics implements PacketTap {
  readonly registry: Registry = new Registry();
  readonly #totals: Totals;
  /** By labels. What is counted often is handed over at the scrape: to find a series costs. */
  readonly #transfers = new Map<string, Counted>();
  #last: Last | undefined;
  readonly #refused: Counter;
  readonly #ignored: Counter;
  readonly #strays: Counter;
  readonly #problems: Counter;
  readonly #durations: PlainHistogram;
  readonly #roundTrips: Series;
  readonly #families = new Set<string>();
  readonly #lag: IntervalHistogram = monitorEventLoopDelay({ resolution: lagMillis });
  #sockets = 0;
  #server: Observed | undefined;

  constructor(version: string, totals: Totals) {
    this.#totals = totals;
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers: [this.registry] });
    this.#total({
      name: "tidewire_transfers_total",
      help: "Transfers that ended, by direction, outcome and family of client.",
      labels: ["op", "outcome", "family"],
      read: () => Array.from(this.#transfers.values(), ({ count, labels }) => [count, labels]),
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
    this.#durations = new PlainHistogram(
      {
        name: "tidewire_transfer_duration_seconds",
        help: "How long transfers took that moved a whole file.",
        buckets: durations,
        label: "op",
      },
      this.registry,
    );
    this.#roundTrips = new PlainHistogram(
      {
        name: "tidewire_round_trip_seconds",
        help: "The smoothed round trip of each transfer at its end.",
        buckets: roundTrips,
      },
      this.registry,
    ).series();
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
    if (event.kind === "ended") this.#end(event);
    else if (event.kind === "refused") this.#refused.inc({ code: event.error.code });
    else if (event.kind === "ignored") {
      this.#ignored.inc({ reason: event.error?.code ?? "VERDICT" });
    } else if (event.kind === "stray") this.#strays.inc();
    else if (event.kind === "problem") this.#problems.inc({ code: event.error.code });
  }

  /** In a worker: the first process asks all of them at each scrape. */
  answerFirstProcess(): void {
    AggregatorRegistry.setRegistries(this.registry);
    new AggregatorRegistry(); // begins to listen
    process.channel?.unref();
  }

  #end({ ending, transfer }: Extract<ServerEvent, { kind: "ended" }>): void {
    const { op, family, roundTripMillis } = transfer;
    let last = this.#last;
    // Many in a row are alike.
    if (last?.op !== op || last.ending !== ending || last.family !== family) {
      last = { op, ending, family, counted: this.#countedOf(ending, transfer) };
      this.#last = last;
    }
    const { counted } = last;
    counted.count += 1;
    counted.durations?.observe(transfer.durationMillis / 1000);
    if (roundTripMillis !== undefined) this.#roundTrips.observe(roundTripMillis / 1000);
  }

  #countedOf(outcome: Ending, transfer: TransferInfo): Counted {
    const op = opOf(transfer);
    const family = this.#familyOf(transfer);
    const key = `${op} ${outcome} ${family}`;
    const known = this.#transfers.get(key);
    if (known) return known;
    const moved = outcome === "completed" || outcome === "unconfirmed";
    const durations = moved ? this.#durations.series(op) : undefined;
    const counted = { labels: { op, outcome, family }, durations, count: 0 };
    this.#transfers.set(key, counted);
    return counted;
  }

  #familyOf({ family = "unknown" }: TransferInfo): string {
    if (this.#families.has(family)) return family;
    if (this.#families.size >= familiesMax) return "other";
    this.#families.add(family);
    return family;
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
