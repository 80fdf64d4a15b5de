// What each of several processes counts, asked for over their channels and added up. Whoever does
// not answer soon is left out, so that one that hangs does not hide the others.

import type { Worker } from "node:cluster";
import { AggregatorRegistry, type MetricObject, type Registry } from "prom-client";
import { tellParent } from "./worker.ts";

interface Asked {
  readonly kind: "metrics?";
  readonly number: number;
}

interface Told {
  readonly kind: "metrics";
  readonly number: number;
  readonly metrics: readonly MetricObject[];
}

const patienceMillis = 2000;
let lastNumber = 0;

/** In a worker: its channel is no reason for it to stay. */
export function tellFirstProcess(registry: Registry): void {
  process.on("message", (message: Asked | undefined) => {
    if (message?.kind !== "metrics?") return;
    const { number } = message;
    const tell = (metrics: readonly MetricObject[]): void => {
      tellParent({ kind: "metrics", number, metrics } satisfies Told);
    };
    void registry.getMetricsAsJSON().then(tell, () => {});
  });
  process.channel?.unref();
}

/** In the first process: the sums of what these workers tell, as a scraper reads them. */
export async function metricsOf(workers: readonly Worker[]): Promise<string> {
  const all = await Promise.all(workers.map(ask));
  return AggregatorRegistry.aggregate(all.filter((each) => each !== undefined)).metrics();
}

function ask(worker: Worker): Promise<object[] | undefined> {
  const number = ++lastNumber;
  return new Promise((resolve) => {
    const done = (metrics?: readonly MetricObject[]): void => {
      clearTimeout(patience);
      worker.off("message", hear);
      resolve(metrics as object[] | undefined);
    };
    const hear = (message: Told | undefined): void => {
      if (message?.kind === "metrics" && message.number === number) done(message.metrics);
    };
    const patience = setTimeout(done, patienceMillis);
    worker.on("message", hear).send({ kind: "metrics?", number } satisfies Asked, (error) => {
      if (error) done(); // it may be ending this moment
    });
  });
}
