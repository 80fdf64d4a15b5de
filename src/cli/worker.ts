// Whether this process is one of several on one port, and which.

import cluster from "node:cluster";
import { Socket } from "node:net";

/** Undefined in a process that serves by itself; the first worker is 1, and none that comes later
 * has the number of another one. */
export const workerNumber: number | undefined = cluster.worker?.id;

/** Of a transfer, as it is told anywhere: each worker counts from 1. */
export function transferNumber(id: number): string {
  return workerNumber === undefined ? String(id) : `${workerNumber}.${id}`;
}

/** Where the first process asks a worker for its page, a pair of joined sockets. */
export const pageStream = {
  number: 4,
  stdio: ["inherit", "inherit", "inherit", "ipc", "pipe"],
} as const;

/** The worker's end of it. */
export function openPageStream(): Socket {
  return new Socket({ fd: pageStream.number });
}

export const serving = "serving";
export const alive = "alive";
export const leave = "leave";
export const stop = "stop";
export const answer = "answer broadcasts";

/** Its channel to the first process is no reason for a worker to stay, whatever ends it. */
export function standAlone(): void {
  if (workerNumber !== undefined) process.channel?.unref();
}

/** To whoever started this process: one that ends before it serves would do so again. */
export function tellServing(): void {
  tellParent(serving);
}

/** The first process waits until all have read their configuration again. Whoever else started this
 * one waits for nothing more. */
export function tellReloaded(): void {
  if (workerNumber !== undefined) tellParent(serving);
}

/** Again and again, while the event loop turns. */
export function tellAlive(): void {
  tellParent(alive);
}

/** It may be gone, or have let go of this process: that is no reason to end. */
export function tellParent(message: string | object): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** The first process wants the end, for so many times now. */
export function whenStopped(heed: (times: number) => void): void {
  let times = 0;
  whenTold(stop, () => heed(++times));
}

/** Another worker has taken the place of this one. */
export function whenReplaced(drain: () => void): void {
  whenTold(leave, drain);
}

let isNamed = workerNumber === undefined;
whenTold(answer, () => {
  isNamed = true;
});

/** All workers hear what is sent to a broadcast address. The one that the first process has named
 * answers, until its end. */
export function answersBroadcasts(): boolean {
  return isNamed;
}

function whenTold(word: string, act: () => void): void {
  if (workerNumber === undefined) return;
  process.on("message", (message) => {
    if (message === word) act();
  });
}
