// `tidewire serve --workers N`: as many processes on one port, each with its share of the clients.
// The first process only starts them again and passes signals on. It must not know what they do.

import cluster, { type Worker } from "node:cluster";
import { TftpError } from "../index.ts";
import { wrongUsage } from "./options.ts";
import type { ServeFlags } from "./serve-options.ts";

/** Undefined in a process that serves by itself; the first worker is 1. */
export const workerNumber: number | undefined = cluster.isWorker
  ? Number(process.env.TIDEWIRE_WORKER)
  : undefined;

/** Whether this process is the one that only starts others. Throws TftpError INVALID_ARGUMENT for
 * what workers cannot share. */
export function isForWorkers(
  { workers = 1, port, web, metrics, capture }: ServeFlags,
  isFollower = false,
): boolean {
  // The channel to the first process is no reason to stay.
  if (cluster.isWorker) process.channel?.unref();
  if (workers === 1 || cluster.isWorker) return false;
  if (isFollower) {
    throw wrongUsage("workers cannot follow a single process", "Restart the service instead.");
  }
  if (port === 0) {
    throw wrongUsage("workers cannot share a port that each would choose", "Name a --port.");
  }
  if (web !== undefined || metrics !== undefined || capture !== undefined) {
    throw wrongUsage(
      "--web, --metrics and --capture show one process, not --workers",
      "Leave out --workers, or the others.",
    );
  }
  return true;
}

/** A worker says that it serves: one that ends earlier would do so again. */
export function tellServing(): void {
  if (process.connected) process.send?.("serving");
}

/** Resolves when all have ended in good order. Throws TftpError where one cannot start. */
export function runWorkers(count: number): Promise<void> {
  let stopping = false;
  const running = new Map<Worker, number>();
  const serving = new WeakSet<Worker>();
  const start = (number: number): void => {
    const worker = cluster.fork({ TIDEWIRE_WORKER: String(number) });
    running.set(worker, number);
    worker.once("message", () => serving.add(worker));
  };
  const stop = (): void => {
    stopping = true;
    for (const worker of running.keys()) worker.process.kill("SIGTERM");
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
  process.on("SIGUSR2", () => {
    console.error("tidewire: workers cannot hand over; restart the service, clients ask again.");
  });
  return new Promise((resolve, reject) => {
    let failure: TftpError | undefined;
    cluster.on("exit", (worker) => {
      const number = running.get(worker) ?? 0;
      running.delete(worker);
      if (!stopping && !serving.has(worker)) {
        failure = cannotStart();
        stop();
      }
      if (!stopping) {
        console.error(`tidewire: worker ${number} has ended; it is started again.`);
        start(number);
      } else if (running.size === 0) {
        if (failure) reject(failure);
        else resolve();
      }
    });
    for (let number = 1; number <= count; number++) start(number);
  });
}

function cannotStart(): TftpError {
  return new TftpError("NETWORK", "the workers cannot start", {
    hint: "What is wrong stands above.",
  });
}
