// Ctrl+C and its like while files move: the first signal lets the transfer end in good order, the
// second ends the process. Also ends it where a thread is held by what does not end: a FIFO without
// its other end, a lookup of a name. It must not know what files move.

import { createRequire } from "node:module";
import { TftpError } from "../index.ts";

const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof numbers;

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #listener = (signal: Signal): void => this.#take(signal);
  #taken: Signal | undefined;

  constructor() {
    for (const name of Object.keys(numbers)) process.on(name, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What a shell expects of a program that a signal ended: 130 after Ctrl+C. */
  get status(): number | undefined {
    return this.#taken && 128 + numbers[this.#taken];
  }

  release(): void {
    for (const name of Object.keys(numbers)) process.off(name, this.#listener);
  }

  /** Ends the process, with its status, unless it does so by itself in a moment. Without a signal,
   * not before what it has printed was read. */
  leaveSoon(): void {
    setTimeout(() => {
      const unread = process.stdout.writableLength + process.stderr.writableLength;
      if (unread > 0 && this.#taken === undefined) this.leaveSoon();
      else leave(this.#taken);
    }, leaveMillis).unref();
  }

  #take(signal: Signal): void {
    if (this.#taken !== undefined) leave(signal);
    this.#taken = signal;
    this.#controller.abort();
  }
}

/** For part files to be removed, and for the other side to be told. */
const stuckMillis = 1000;
const leaveMillis = 200;

/** As `running`; but once the signal has come it is not waited for much longer. Throws TftpError
 * ABORTED then. */
export async function unlessStuck<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let heed = (): void => {};
  const stuck = new Promise<never>((_resolve, reject) => {
    const error = new TftpError("ABORTED", "what was begun does not end");
    heed = () => {
      timer = setTimeout(() => reject(error), stuckMillis);
    };
  });
  if (signal.aborted) heed();
  else signal.addEventListener("abort", heed);
  try {
    return await Promise.race([running, stuck]);
  } finally {
    signal.removeEventListener("abort", heed);
    clearTimeout(timer);
  }
}

/** `process.exit` waits for the threads. `_exit` of the C library does not, where koffi is
 * installed; elsewhere the process has to end by the signal, which gives a shell the same status.
 * Where there was no signal, a wrong status is better than no end. */
function leave(signal: Signal | undefined): void {
  const status = signal ? 128 + numbers[signal] : Number(process.exitCode ?? 1);
  if (process.platform === "win32") process.exit(status);
  exitWithoutThreads(status);
  const last = signal ?? "SIGTERM";
  process.removeAllListeners(last);
  process.kill(process.pid, last);
}

interface Koffi {
  load(library: null): { func(declaration: string): (status: number) => void };
}

/** Returns where it cannot be done. */
function exitWithoutThreads(status: number): void {
  try {
    const koffi: Koffi = createRequire(import.meta.url)("koffi");
    koffi.load(null).func("void _exit(int)")(status);
  } catch {}
}
