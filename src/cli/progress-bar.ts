// One line of a terminal that tells how far a transfer is. Draws a few times a second, whatever the
// speed; takes back every column when it is cleared.

import { type Paint, painter } from "./paint.ts";
import { bytesText, durationText, rateText, speed } from "./units.ts";
import { visibleName } from "./visible.ts";

export interface ProgressState {
  readonly name: string;
  readonly bytes: number;
  /** In bytes, where it is known. */
  readonly size?: number;
  /** Smoothed. */
  readonly bytesPerSecond: number;
}

interface Terminal {
  readonly columns?: number;
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const drawMillis = 150;
const barLeast = 10;
const barMost = 40;
const nameMost = 30;
/** So that nothing moves while numbers grow. */
const bytesWidth = 7;

export class ProgressBar {
  readonly #stream: Terminal;
  readonly #paint: Paint;
  readonly #timer: NodeJS.Timeout;
  #state: ProgressState;
  #drawn: { readonly bytes: number; readonly at: number } | undefined;

  constructor(name: string, stream: Terminal) {
    this.#stream = stream;
    this.#paint = painter(stream);
    this.#state = { name, bytes: 0, bytesPerSecond: 0 };
    this.#timer = setInterval(() => this.#draw(), drawMillis).unref();
  }

  update(progress: { readonly bytes: number; readonly size?: number }): void {
    this.#state = { ...this.#state, ...progress };
  }

  clear(): void {
    clearInterval(this.#timer);
    if (this.#drawn) this.#stream.write("\r\x1b[2K");
  }

  #draw(): void {
    const { bytes, bytesPerSecond } = this.#state;
    const now = performance.now();
    // Most of the rate comes from the last second, so that it shows what happens now.
    const last = speed(
      bytes - (this.#drawn?.bytes ?? 0),
      now - (this.#drawn?.at ?? now - drawMillis),
    );
    const smoothed = this.#drawn ? bytesPerSecond + (last - bytesPerSecond) * 0.15 : last;
    this.#state = { ...this.#state, bytesPerSecond: smoothed };
    this.#drawn = { bytes, at: now };
    const line = progressLine(this.#state, this.#stream.columns || 80, this.#paint);
    this.#stream.write(`\r${line}\x1b[K`);
  }
}

/** Shorter than `columns`: what matters less is left out first. */
export function progressLine(state: ProgressState, columns: number, paint: Paint): string {
  const { bytes, size, bytesPerSecond } = state;
  const name = shortName(state.name, Math.min(nameMost, Math.floor(columns / 3)));
  const share = size === undefined || size === 0 ? undefined : Math.min(1, bytes / size);
  const percent = share === undefined ? "" : `${Math.floor(share * 100)} %`.padStart(5);
  const got = bytesText(bytes).padStart(bytesWidth);
  const done = size === undefined ? got : `${got} of ${bytesText(size)}`;
  const rate = rateText(bytesPerSecond).padStart(bytesWidth + 2);
  const isWaiting = bytes === 0 && size === undefined;
  const parts = isWaiting
    ? ["waiting for the server"]
    : [percent, done, rate, timeLeft(state)].filter((part) => part !== "");
  let room = columns - 1 - columnsOf(name);
  const shown: string[] = [];
  for (const part of parts) {
    room -= part.length + 2;
    if (room < 0) break;
    shown.push(part);
  }
  const width = Math.min(barMost, room - 2);
  if (share !== undefined && width >= barLeast) shown.unshift(bar(share, width, paint));
  return [name, ...shown].join("  ");
}

function bar(share: number, width: number, paint: Paint): string {
  const filled = Math.floor(share * width);
  return paint("green", "━".repeat(filled)) + paint("dim", "─".repeat(width - filled));
}

function timeLeft({ bytes, size, bytesPerSecond }: ProgressState): string {
  if (size === undefined) return "";
  if (bytesPerSecond < 1) return "stalled";
  const seconds = Math.ceil(Math.max(0, size - bytes) / bytesPerSecond);
  return seconds < 60 ? `${seconds} s left` : `${durationText(seconds * 1000)} left`;
}

function shortName(name: string, most: number): string {
  const shown = [...visibleName(name)];
  if (columnsOf(shown.join("")) <= most) return shown.join("");
  let width = 1;
  const end = shown.findIndex((character) => (width += columnsOf(character)) > most);
  return `${shown.slice(0, end).join("")}…`;
}

/** Letters from Hangul on may take two columns; better one too few than a broken line. */
function columnsOf(text: string): number {
  return [...text].reduce((sum, character) => {
    return sum + (character >= "\u1100" && character !== "…" ? 2 : 1);
  }, 0);
}
