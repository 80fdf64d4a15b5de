// The processes of `tidewire serve --workers N`: started, started again, replaced and ended.
// It must not know what they do.

import cluster, { type Worker } from "node:cluster";
import { TftpError } from "../index.ts";
import { Pulse } from "./pulse.ts";
import { answer, leave, serving, stop } from "./worker.ts";

/** Until one that does not come to serve is ended. */
const startMillisUsual = 30_000;
/** Until one that could not start again is tried once more. */
const againMillis = 5000;

export class Crew {
  readonly #running = new Set<Worker>();
  readonly #serving = new Set<Worker>();
  /** Others have their places; what runs in them ends. */
  readonly #leaving = new Set<Worker>();
  /** Of those that serve, the one that answers broadcasts. */
  #answerer: Worker | undefined;
  /** Were ended because they did not come to serve. */
  readonly #stuck = new Set<Worker>();
  /** Have begun with a configuration that has changed since. */
  readonly #outdated = new Set<Worker>();
  /** Is to have the place of another one, and does not serve yet. */
  #candidate: Worker | undefined;
  #count = 0;
  /** All served at some time, so that they can. */
  #proven = false;
  #onServing = (): void => {};
  #replacing = false;
  #stopping = false;
  readonly #tell: (line: string) => void;
  readonly #startMillisMax: number;
  readonly #pulse = new Pulse((worker) => this.#end(worker));

  constructor(tell: (line: string) => void, startMillisMax: number = startMillisUsual) {
    this.#tell = tell;
    this.#startMillisMax = startMillisMax;
  }

  /** Of the workers, any. */
  get ready(): boolean {
    return this.#serving.size > 0 && !this.#stopping;
  }

  /** Those that can be asked: they serve, or end what they served. */
  get answering(): Worker[] {
    return [...this.#serving, ...this.#leaving];
  }

  /** `onServing` is called once, when all serve. Resolves when all have ended in good order. Throws
   * TftpError where one cannot start. */
  run(count: number, onServing: () => void): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    this.#count = count;
    this.#onServing = onServing;
    return new Promise((resolve, reject) => {
      let failure: TftpError | undefined;
      cluster.on("exit", (worker) => {
        if (!this.#ended(worker)) failure = cannotStart();
        if (this.#running.size > 0) return;
        if (failure) reject(failure);
        else resolve();
      });
      for (let started = 0; started < count; started++) this.#start();
    });
  }

  /** One after the other: a new worker serves before the old one leaves. Where one does not come to
   * serve, the rest stays as it is. */
  async replace(): Promise<void> {
    if (this.#replacing) return this.#tell("the workers are being replaced already.");
    this.#replacing = true;
    const old = [...this.#serving].sort((a, b) => a.id - b.id);
    for (const worker of old) {
      const fresh = await this.#startInPlace();
      if (this.#stopping) break;
      if (!fresh) {
        this.#tell(`worker ${worker.id} and those after it are not replaced; they go on serving.`);
        break;
      }
      // Where it has ended meanwhile, another one was started.
      if (!this.#running.has(worker)) this.#leave(fresh);
      else {
        this.#leave(worker);
        this.#tell(`worker ${worker.id} is replaced by ${fresh.id}; what runs in it ends there.`);
      }
    }
    this.#replacing = false;
  }

  stop(): void {
    this.#stopping = true;
    const heeding = new Set(this.answering);
    for (const worker of this.#running) {
      if (heeding.has(worker)) say(worker, stop);
      else worker.process.kill("SIGTERM");
    }
  }

  /** To those that heed it: the system ends one that starts, or opens a debugger in it. */
  pass(signal: NodeJS.Signals): void {
    for (const worker of this.answering) worker.process.kill(signal);
  }

  /** Resolves when all that serve have read their configuration again. */
  async reload(): Promise<void> {
    const all = [...this.#serving].map((worker) => heard(worker));
    const heeding = new Set(this.answering);
    for (const worker of this.#running) if (!heeding.has(worker)) this.#outdated.add(worker);
    this.pass("SIGHUP");
    await Promise.all(all);
  }

  /** False where it has never served, and no other does: it would not if it were started again. */
  #ended(worker: Worker): boolean {
    this.#running.delete(worker);
    this.#outdated.delete(worker);
    const isStuck = this.#stuck.delete(worker);
    // One that was too slow may do better, and the wait was pause enough.
    const isReplaced = this.#serving.delete(worker) || isStuck;
    this.#nameAnswerer();
    const expected = this.#leaving.delete(worker) || this.#candidate === worker;
    if (this.#stopping || expected) return true;
    if (isReplaced) {
      this.#tell(`worker ${worker.id} has ended; worker ${this.#start().id} is to have its place.`);
    } else if (this.#proven && this.#serving.size > 0) {
      this.#tell(`worker ${worker.id} cannot start; the others go on, another one is tried.`);
      setTimeout(() => this.#stopping || this.#start(), againMillis).unref();
    } else {
      this.stop();
      return false;
    }
    return true;
  }

  #start(): Worker {
    // systemd hears of the service from the first process alone.
    const worker = cluster.fork({ NOTIFY_SOCKET: "" });
    this.#running.add(worker);
    const patience = setTimeout(() => this.#endStuck(worker), this.#startMillisMax);
    worker.once("exit", () => clearTimeout(patience));
    // Something was said to one that has ended this moment, which is heard by itself. One that
    // could not be started at all has no number.
    worker.on("error", (error: Error) => {
      if (worker.process.pid === undefined) throw error;
    });
    worker.on("message", (message) => {
      if (message !== serving || this.#leaving.has(worker)) return;
      clearTimeout(patience);
      this.#serving.add(worker);
      this.#nameAnswerer();
      this.#pulse.feel(worker);
      if (this.#outdated.delete(worker)) worker.process.kill("SIGHUP");
      if (this.#proven || this.#serving.size < this.#count) return;
      this.#proven = true;
      this.#onServing();
    });
    return worker;
  }

  /** Undefined where it does not come to serve. */
  async #startInPlace(): Promise<Worker | undefined> {
    const worker = this.#start();
    this.#candidate = worker;
    await heard(worker);
    this.#candidate = undefined;
    return this.#serving.has(worker) ? worker : undefined;
  }

  /** It hangs, so it heeds nothing else. */
  #end(worker: Worker): void {
    this.#tell(`worker ${worker.id} hangs, and is ended.`);
    worker.process.kill("SIGKILL");
  }

  #endStuck(worker: Worker): void {
    this.#tell(`worker ${worker.id} does not come to serve, and is ended.`);
    this.#stuck.add(worker);
    worker.process.kill("SIGKILL");
  }

  #leave(worker: Worker): void {
    this.#serving.delete(worker);
    this.#leaving.add(worker);
    say(worker, leave);
    this.#nameAnswerer();
  }

  #nameAnswerer(): void {
    if (this.#answerer && this.#serving.has(this.#answerer)) return;
    [this.#answerer] = this.#serving;
    if (this.#answerer) say(this.#answerer, answer);
  }
}

function say(worker: Worker, word: string): void {
  worker.send(word, () => {}); // it may be ending this moment
}

/** Resolves when it says that it serves, or ends. */
function heard(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      worker.off("message", hear).off("exit", done);
      resolve();
    };
    const hear = (message: unknown): void => {
      if (message === serving) done();
    };
    worker.on("message", hear).on("exit", done);
  });
}

function cannotStart(): TftpError {
  return new TftpError("NETWORK", "the workers cannot start", {
    hint: "What is wrong stands above.",
  });
}
