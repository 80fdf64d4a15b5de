// `tidewire serve --workers N`: as many processes on one port, each with its share of the clients.
// The first process starts them again, passes signals on and tells the metrics of all of them. It
// must not know what they do.

import cluster, { type Worker } from "node:cluster";
import { type Address, TftpError } from "../index.ts";
import type { Listening } from "../web/web-server.ts";
import { wrongUsage } from "./options.ts";
import type { ServeFlags } from "./serve-options.ts";
import { metricsAddress } from "./watching.ts";
import { serving, workerNumber } from "./worker.ts";

/** Whether this process is the one that only starts others. Throws TftpError INVALID_ARGUMENT for
 * what workers cannot share. */
export function isForWorkers({ workers = 1, port, web }: ServeFlags, isFollower = false): boolean {
  const isWorker = workerNumber !== undefined;
  // The channel to the first process is no reason to stay.
  if (isWorker) process.channel?.unref();
  if (workers === 1 || isWorker) return false;
  if (isFollower) {
    throw wrongUsage("workers cannot follow a single process", "Restart the service instead.");
  }
  if (port === 0) {
    throw wrongUsage("workers cannot share a port that each would choose", "Name a --port.");
  }
  if (web !== undefined) {
    throw wrongUsage("--web shows one process, not --workers", "Leave out one of them.");
  }
  return true;
}

/** Resolves when all have ended in good order. Throws TftpError where one cannot start. */
export async function runWorkers({ workers = 1, metrics }: ServeFlags): Promise<void> {
  const crew = new Crew();
  const address = metricsAddress(metrics);
  const listening = address && (await openMetrics(address, crew));
  try {
    await crew.run(workers);
  } finally {
    await listening?.close();
  }
}

class Crew {
  readonly #running = new Map<Worker, number>();
  readonly #serving = new Set<Worker>();
  #stopping = false;

  /** Of the workers, any. */
  get ready(): boolean {
    return this.#serving.size > 0 && !this.#stopping;
  }

  run(count: number): Promise<void> {
    const stop = (): void => {
      this.#stopping = true;
      for (const worker of this.#running.keys()) worker.process.kill("SIGTERM");
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
    process.on("SIGUSR2", () => {
      console.error("tidewire: workers cannot hand over; restart the service, clients ask again.");
    });
    return new Promise((resolve, reject) => {
      let failure: TftpError | undefined;
      cluster.on("exit", (worker) => {
        const number = this.#running.get(worker) ?? 0;
        this.#running.delete(worker);
        if (!this.#serving.delete(worker) && !this.#stopping) {
          failure = cannotStart();
          stop();
        }
        if (!this.#stopping) {
          console.error(`tidewire: worker ${number} has ended; it is started again.`);
          this.#start(number);
        } else if (this.#running.size === 0) {
          if (failure) reject(failure);
          else resolve();
        }
      });
      for (let number = 1; number <= count; number++) this.#start(number);
    });
  }

  #start(number: number): void {
    const worker = cluster.fork({ TIDEWIRE_WORKER: String(number) });
    this.#running.set(worker, number);
    worker.on("message", (message) => {
      if (message === serving) this.#serving.add(worker);
    });
  }
}

/** The workers count; their sums are told here. */
async function openMetrics(address: Address, crew: Crew): Promise<Listening> {
  const [{ AggregatorRegistry }, web] = await Promise.all([
    import("prom-client"),
    import("../web/web-server.ts"),
  ]);
  const registry = new AggregatorRegistry();
  const exposition = { type: registry.contentType, text: () => registry.clusterMetrics() };
  const watched = { addresses: [address], ready: () => crew.ready };
  const listening = await web.openMetrics(address, exposition, watched);
  console.error(`Metrics on ${web.urlOf(listening)}metrics`);
  return listening;
}

function cannotStart(): TftpError {
  return new TftpError("NETWORK", "the workers cannot start", {
    hint: "What is wrong stands above.",
  });
}
