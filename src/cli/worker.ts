// Whether this process is one of several on one port, and which.

import cluster from "node:cluster";

/** Undefined in a process that serves by itself; the first worker is 1. */
export const workerNumber: number | undefined = cluster.isWorker
  ? Number(process.env.TIDEWIRE_WORKER)
  : undefined;

export const serving = "serving";
export const leave = "leave";

/** Its channel to the first process is no reason for a worker to stay, whatever ends it. */
export function standAlone(): void {
  if (workerNumber !== undefined) process.channel?.unref();
}

/** A worker says that it serves: one that ends earlier would do so again. */
export function tellServing(): void {
  process.send?.(serving);
}

/** Another worker has taken the place of this one. */
export function whenReplaced(drain: () => void): void {
  if (workerNumber === undefined) return;
  process.on("message", (message) => {
    if (message === leave) drain();
  });
}
