// Whether the workers' event loops still turn. One that hangs does not end, and serves nobody.

import type { Worker } from "node:cluster";
import { alive, tellAlive, workerNumber } from "./worker.ts";

/** The patience is counted in so many beats, each a timer: where the machine slept, or the first
 * process was busy itself, no worker is thought to hang. */
const missedMax = 6;
/** Where systemd does not say how long to wait. */
const patienceMillis = 30_000;

export class Pulse {
  readonly #missed = new Map<Worker, number>();
  readonly #onHanging: (worker: Worker) => void;

  /** `onHanging` is called once for each. */
  constructor(onHanging: (worker: Worker) => void) {
    this.#onHanging = onHanging;
    setInterval(() => this.#look(), beatMillis()).unref();
  }

  /** From now on until its end. */
  feel(worker: Worker): void {
    if (this.#missed.has(worker)) return;
    this.#missed.set(worker, 0);
    worker.on("message", (message) => {
      if (message === alive) this.#missed.set(worker, 0);
    });
    worker.once("exit", () => this.#missed.delete(worker));
  }

  #look(): void {
    for (const [worker, missed] of this.#missed) {
      this.#missed.set(worker, missed + 1);
      if (missed + 1 === missedMax) this.#onHanging(worker);
    }
  }
}

/** A worker says from now on that its event loop turns. */
export function beat(): void {
  if (workerNumber === undefined) return;
  setInterval(tellAlive, beatMillis()).unref();
}

function beatMillis(): number {
  const wanted = Number(process.env.WATCHDOG_USEC) / 1000;
  return (wanted >= 1 ? wanted : patienceMillis) / missedMax;
}
