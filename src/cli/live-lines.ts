// Where the log of a server goes: standard output, and on a terminal with a bar for each running
// transfer below the last line. The bars never get into a file or a pipe.

import type { TransferInfo } from "../index.ts";
import { opOf } from "../observe/op.ts";
import { systemCode } from "./failure.ts";
import { type Paint, painter } from "./paint.ts";
import { progressLine } from "./progress-bar.ts";

export interface LogOutput {
  write(line: string): void;
  /** Takes the bars away, for whoever else wants to write. */
  clear(): void;
}

export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const drawMillis = 250;
const linesMost = 8;

export function logOutput(bars: boolean, snapshot: () => readonly TransferInfo[]): LogOutput {
  const { stdout } = process;
  const isLive = bars && stdout.isTTY && process.env.TERM !== "dumb";
  return isLive ? new LiveLines(stdout, painter(stdout), snapshot) : plainOutput();
}

/** A log that nobody can take any more must not end the server. */
function plainOutput(): LogOutput {
  let broken = false;
  process.stdout.on("error", (error: Error) => {
    if (!broken) console.error(`tidewire: the log cannot be written (${systemCode(error)}).`);
    broken = true;
  });
  return {
    write: (line) => {
      if (!broken) process.stdout.write(`${line}\n`);
    },
    clear: () => {},
  };
}

/** How far a transfer was. */
interface Drawn {
  readonly bytes: number;
  readonly at: number;
  readonly rate: number;
}

export class LiveLines implements LogOutput {
  readonly #terminal: Terminal;
  readonly #paint: Paint;
  readonly #snapshot: () => readonly TransferInfo[];
  #drawn = 0;
  /** Of each running transfer when it was last drawn. */
  #before = new Map<number, Drawn>();

  constructor(terminal: Terminal, paint: Paint, snapshot: () => readonly TransferInfo[]) {
    this.#terminal = terminal;
    this.#paint = paint;
    this.#snapshot = snapshot;
    setInterval(() => this.draw(), drawMillis).unref();
  }

  write(line: string): void {
    const bars = this.#drawn;
    this.clear();
    this.#terminal.write(`${line}\n`);
    if (bars > 0) this.draw();
  }

  clear(): void {
    if (this.#drawn === 0) return;
    const up = this.#drawn > 1 ? `\x1b[${this.#drawn - 1}A` : "";
    this.#terminal.write(`\r${up}\x1b[J`);
    this.#drawn = 0;
  }

  draw(): void {
    const running = this.#snapshot();
    const most = Math.max(1, Math.min(linesMost, Math.floor((this.#terminal.rows ?? 24) / 3)));
    const shown = running.slice(-most);
    const before = this.#before;
    this.#before = new Map();
    const lines = shown.map((transfer) => this.#line(transfer, before.get(transfer.id)));
    if (running.length > most) lines[0] = `and ${running.length - most + 1} more`;
    this.clear();
    if (lines.length > 0) this.#terminal.write(lines.join("\n"));
    this.#drawn = lines.length;
  }

  #line(transfer: TransferInfo, before: Drawn | undefined): string {
    const { id, filename, client, bytes, size, durationMillis } = transfer;
    const at = performance.now();
    const millis = Math.max(1, before ? at - before.at : durationMillis);
    const last = ((bytes - (before?.bytes ?? 0)) / millis) * 1000;
    const rate = before ? before.rate + (last - before.rate) * 0.3 : last;
    this.#before.set(id, { bytes, at, rate });
    const who = `${client.host} ${opOf(transfer)} `;
    const columns = (this.#terminal.columns || 80) - who.length;
    const known = size === undefined ? {} : { size };
    const state = { name: filename, bytes, bytesPerSecond: rate, ...known };
    return who + progressLine(state, columns, this.#paint);
  }
}
