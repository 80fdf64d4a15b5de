// Counters, gauges and histograms in the text format of Prometheus (version 0.0.4). Knows not what
// is counted. Label values are bounded by whoever counts.

export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  lines(): string[];
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
}

export class Registry {
  readonly #families: Family[] = [];

  counter(name: string, help: string): Counter {
    return this.#add(new Counter(name, help));
  }

  /** `read` is asked at each scrape. */
  gauge(name: string, help: string, read: () => readonly Reading[]): void {
    this.#add({ name, help, type: "gauge", lines: () => linesOf(name, read()) });
  }

  /** The same for what only grows and is counted elsewhere. */
  total(name: string, help: string, read: () => readonly Reading[]): void {
    this.#add({ name, help, type: "counter", lines: () => linesOf(name, read()) });
  }

  /** `bounds` rise. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.#add(new Histogram(name, help, bounds));
  }

  text(): string {
    const lines = this.#families.flatMap((family) => {
      const { name, help, type } = family;
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...family.lines()];
    });
    return `${lines.join("\n")}\n`;
  }

  #add<F extends Family>(family: F): F {
    this.#families.push(family);
    return family;
  }
}

export type Reading = readonly [value: number, labels?: Labels];

export class Counter implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  add(amount: number, labels: Labels = {}): void {
    const key = labelsText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  value(labels: Labels = {}): number {
    return this.#values.get(labelsText(labels)) ?? 0;
  }

  lines(): string[] {
    return Array.from(this.#values, ([labels, value]) => `${this.name}${labels} ${value}`);
  }
}

export class Histogram implements Family {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { labels: Labels; counts: number[]; sum: number }>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
  }

  observe(value: number, labels: Labels = {}): void {
    const key = labelsText(labels);
    let series = this.#series.get(key);
    if (!series) {
      series = { labels, counts: new Array(this.#bounds.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? this.#bounds.length : found;
    series.counts[at] = (series.counts[at] as number) + 1;
    series.sum += value;
  }

  lines(): string[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0;
      const buckets = counts.map((count, at) => {
        below += count;
        const le = String(this.#bounds[at] ?? "+Inf");
        return `${this.name}_bucket${labelsText({ ...labels, le })} ${below}`;
      });
      const text = labelsText(labels);
      return [...buckets, `${this.name}_sum${text} ${sum}`, `${this.name}_count${text} ${below}`];
    });
  }
}

function linesOf(name: string, readings: readonly Reading[]): string[] {
  return readings.map(([value, labels = {}]) => `${name}${labelsText(labels)} ${value}`);
}

function labelsText(labels: Labels): string {
  const texts = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return texts.length === 0 ? "" : `{${texts.join(",")}}`;
}
