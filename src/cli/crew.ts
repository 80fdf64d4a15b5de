// The processes of `tidewire serve --workers N`: started, started again, replaced and ended.
// It must not know what they do.

import cluster, { type Worker } from "node:cluster";
import { TftpError } from "../index.ts";
import { leave, serving } from "./worker.ts";

const startMillisMax = 30_000;
/** Until one that could not start again is tried once more. */
const againMillis = 5000;

export class Crew {
  readonly #running = new Map<Worker, number>();
  readonly #serving = new Set<Worker>();
  /** Others have their places; what runs in them ends. */
  readonly #leaving = new Set<Worker>();
  /** Is to have the place of another one, and does not serve yet. */
  #candidate: Worker | undefined;
  #count = 0;
  /** The numbers of those that have served at some time. */
  readonly #proven = new Set<number>();
  #replacing = false;
  #stopping = false;
  readonly #tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  /** Of the workers, any. */
  get ready(): boolean {
    return this.#serving.size > 0 && !this.#stopping;
  }

  /** Resolves when all have ended in good order. Throws TftpError where one cannot start. */
  run(count: number): Promise<void> {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => this.#stop());
    this.#count = count;
    return new Promise((resolve, reject) => {
      let failure: TftpError | undefined;
      cluster.on("exit", (worker) => {
        if (!this.#ended(worker)) failure = cannotStart();
        if (this.#running.size > 0) return;
        if (failure) reject(failure);
        else resolve();
      });
      for (let number = 1; number <= count; number++) this.#start(number);
    });
  }

  /** One after the other: a new worker serves before the old one leaves. Where one does not come to
   * serve, the rest stays as it is. */
  async replace(): Promise<void> {
    if (this.#replacing) return this.#tell("the workers are being replaced already.");
    this.#replacing = true;
    const old = [...this.#running].filter(([worker]) => this.#serving.has(worker));
    for (const [worker, number] of old) {
      const fresh = await this.#startInPlace(number);
      if (this.#stopping) break;
      if (!fresh) {
        this.#tell(`worker ${number} and those after it are not replaced; they go on serving.`);
        break;
      }
      // It may have ended meanwhile, and was started again.
      this.#leave(this.#running.has(worker) ? worker : fresh);
      this.#tell(`worker ${number} is replaced; what runs in the old one ends there.`);
    }
    this.#replacing = false;
  }

  #stop(): void {
    this.#stopping = true;
    for (const worker of this.#running.keys()) worker.process.kill("SIGTERM");
  }

  /** False where it has never served, and no other does: it would not if it were started again. */
  #ended(worker: Worker): boolean {
    const number = this.#running.get(worker) ?? 0;
    this.#running.delete(worker);
    const served = this.#serving.delete(worker);
    const expected = this.#leaving.delete(worker) || this.#candidate === worker;
    if (this.#stopping || expected) return true;
    if (served) {
      this.#tell(`worker ${number} has ended; it is started again.`);
      this.#start(number);
    } else if (this.#proven.size === this.#count && this.#serving.size > 0) {
      this.#tell(`worker ${number} cannot start; the others go on, it is tried again.`);
      setTimeout(() => this.#stopping || this.#start(number), againMillis).unref();
    } else {
      this.#stop();
      return false;
    }
    return true;
  }

  #start(number: number): Worker {
    const worker = cluster.fork({ TIDEWIRE_WORKER: String(number) });
    this.#running.set(worker, number);
    worker.on("message", (message) => {
      if (message !== serving) return;
      this.#serving.add(worker);
      this.#proven.add(number);
    });
    return worker;
  }

  /** Undefined where it does not come to serve. */
  async #startInPlace(number: number): Promise<Worker | undefined> {
    const worker = this.#start(number);
    this.#candidate = worker;
    const patience = setTimeout(() => worker.process.kill("SIGKILL"), startMillisMax);
    await new Promise<void>((resolve) => {
      worker.on("message", (message) => message === serving && resolve());
      worker.once("exit", () => resolve());
    });
    clearTimeout(patience);
    this.#candidate = undefined;
    return this.#serving.has(worker) ? worker : undefined;
  }

  #leave(worker: Worker): void {
    this.#serving.delete(worker);
    this.#leaving.add(worker);
    worker.send(leave);
  }
}

function cannotStart(): TftpError {
  return new TftpError("NETWORK", "the workers cannot start", {
    hint: "What is wrong stands above.",
  });
}
