// What a server that runs as a process tells in its JSON log, awaited line by line.

import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

const patienceMillis = 40_000;

export interface Line {
  readonly event: string;
  readonly [name: string]: unknown;
}

export class ServerLog {
  readonly lines: Line[] = [];
  readonly process: ChildProcess;
  #taken = 0;
  #printed = "";
  #onLine: () => void = () => {};

  constructor(child: ChildProcess) {
    this.process = child;
    child.stderr?.on("data", (text) => (this.#printed += text));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.lines.push(JSON.parse(line));
      this.#onLine();
    });
  }

  /** What was told so far is not asked for. */
  passOver(): void {
    this.#taken = this.lines.length;
  }

  /** The next line of this event that was not taken yet; those before it are passed over. */
  async next(event: string, like: Partial<Line> = {}): Promise<Line> {
    const deadline = AbortSignal.timeout(patienceMillis);
    const fits = (line: Line): boolean =>
      line.event === event && Object.entries(like).every(([name, value]) => line[name] === value);
    for (;;) {
      const at = this.lines.findIndex((line, index) => index >= this.#taken && fits(line));
      if (at >= 0) {
        this.#taken = at + 1;
        return this.lines[at] as Line;
      }
      await new Promise<void>((resolve, reject) => {
        this.#onLine = resolve;
        const told = JSON.stringify(this.lines.slice(this.#taken));
        deadline.onabort = () => reject(new Error(`no "${event}": ${told} ${this.#printed}`));
      });
    }
  }
}
