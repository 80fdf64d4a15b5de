// How many transfers ended, how, and how long they took, in plain numbers until metrics are
// scraped: to find a series costs a small file as much as its session.

import type { Registry } from "prom-client";
import type { Ending, ServerEvent, TransferInfo } from "../index.ts";
import { opOf } from "../observe/op.ts";
import { PlainHistogram, type Series } from "./histogram.ts";

type Labels = Readonly<Record<string, string>>;
export type Reading = readonly [value: number, labels?: Labels];

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

export class EndedCounts {
  /** By labels. */
  readonly #transfers = new Map<string, Counted>();
  readonly #durations: PlainHistogram;
  readonly #roundTrips: Series;
  readonly #families = new Set<string>();
  #last: Last | undefined;

  constructor(registry: Registry) {
    this.#durations = new PlainHistogram(
      {
        name: "tidewire_transfer_duration_seconds",
        help: "How long transfers took that moved a whole file.",
        buckets: durations,
        label: "op",
      },
      registry,
    );
    this.#roundTrips = new PlainHistogram(
      {
        name: "tidewire_round_trip_seconds",
        help: "The smoothed round trip of each transfer at its end.",
        buckets: roundTrips,
      },
      registry,
    ).series();
  }

  get readings(): readonly Reading[] {
    return Array.from(this.#transfers.values(), ({ count, labels }) => [count, labels]);
  }

  handleEnded({ ending, transfer }: Extract<ServerEvent, { kind: "ended" }>): void {
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
}
