// A histogram that is counted in plain arrays and becomes one of Prometheus when it is asked for:
// to find its series for each value would cost a small file as much as its session.

import type { Metric, Registry } from "prom-client";

interface Described {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  /** Of the only label, if there is one. */
  readonly label?: string;
}

/** The values of one label. */
export class Series {
  /** How many values fell into each bucket, and above the last. */
  readonly counts: number[];
  sum = 0;
  readonly #buckets: readonly number[];

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    this.counts = Array(buckets.length + 1).fill(0);
  }

  observe(value: number): void {
    const buckets = this.#buckets;
    let at = 0;
    while (at < buckets.length && value > (buckets[at] as number)) at += 1;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
  }
}

export class PlainHistogram {
  readonly #described: Described;
  readonly #series = new Map<string, Series>();

  constructor(described: Described, registry: Registry) {
    this.#described = described;
    const { name } = described;
    const metric = { name, get: async () => this.#told(), reset: () => {} };
    // A registry asks no more than this of what it holds.
    registry.registerMetric(metric as unknown as Metric);
  }

  /** Where the values of a label are counted. */
  series(label = ""): Series {
    let series = this.#series.get(label);
    if (!series) {
      series = new Series(this.#described.buckets);
      this.#series.set(label, series);
    }
    return series;
  }

  #told(): object {
    const { name, help, buckets, label: labelName } = this.#described;
    const values = [...this.#series].flatMap(([label, { counts, sum }]) => {
      const labels = labelName === undefined ? {} : { [labelName]: label };
      const bucket = (le: number | string, value: number) => {
        return { labels: { le, ...labels }, value, metricName: `${name}_bucket` };
      };
      let below = 0;
      const told = buckets.map((bound, at) => {
        below += counts[at] ?? 0;
        return bucket(bound, below);
      });
      const all = below + (counts[buckets.length] ?? 0);
      told.push(bucket("+Inf", all));
      return [
        ...told,
        { labels, value: sum, metricName: `${name}_sum` },
        { labels, value: all, metricName: `${name}_count` },
      ];
    });
    return { name, help, type: "histogram", aggregator: "sum", values };
  }
}
