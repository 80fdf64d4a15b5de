// Ctrl+C and its like while files move: the first signal lets the transfer end in good order, the
// second ends the process.

const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof numbers;

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #listener = (signal: Signal): void => this.#take(signal);
  #status: number | undefined;

  constructor() {
    for (const name of Object.keys(numbers)) process.on(name, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What a shell expects of a program that a signal ended: 130 after Ctrl+C. */
  get status(): number | undefined {
    return this.#status;
  }

  release(): void {
    for (const name of Object.keys(numbers)) process.off(name, this.#listener);
  }

  #take(signal: Signal): void {
    if (this.#status !== undefined) process.exit(this.#status);
    this.#status = 128 + numbers[signal];
    this.#controller.abort();
  }
}
