// Whether this process is one of several on one port, and which.

import cluster from "node:cluster";

/** Undefined in a process that serves by itself; the first worker is 1. */
export const workerNumber: number | undefined = cluster.isWorker
  ? Number(process.env.TIDEWIRE_WORKER)
  : undefined;

export const serving = "serving";

/** A worker says that it serves: one that ends earlier would do so again. */
export function tellServing(): void {
  process.send?.(serving);
}
