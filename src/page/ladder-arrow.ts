// How one packet looks in the ladder: its arrow, its label, its colour.

import { colour } from "./dom.ts";
import { kind } from "./ladder-packets.ts";

export interface Arrow {
  /** Where it is at our end. */
  readonly y: number;
  /** What is under way takes time: it ends so much lower than it begins. */
  readonly slope: number;
  readonly flags: number;
  readonly tint: string;
  readonly isSelected: boolean;
}

export interface Plane {
  readonly context: CanvasRenderingContext2D;
  readonly left: number;
  readonly right: number;
  readonly height: number;
}

export type Paints = Readonly<Record<(typeof tints)[number], string>>;
const tints = ["ink", "muted", "accent", "good", "warn", "bad", "second"] as const;

export function paintTable(): Paints {
  return Object.fromEntries(tints.map((name) => [name, colour(name)])) as Paints;
}

/** The worst first. */
export function paintOf(flags: number, paints: Paints): string {
  if (flags & (kind.lost | kind.error)) return paints.bad;
  if (flags & (kind.resent | kind.duplicate)) return paints.warn;
  if (flags & kind.control) return paints.second;
  return flags & kind.data ? paints.accent : paints.good;
}

/** Where there is little room its label does not fit into the middle. */
const narrow = 420;
const crossRoom = 8;

/** How far a packet comes that is lost. */
function lostShare(width: number): number {
  return width < narrow ? 0.82 : 0.62;
}

/** From its sender's line to the other one, or not quite, when it was lost. */
export function drawArrow({ context, left, right }: Plane, arrow: Arrow): void {
  const { y, slope, flags, tint } = arrow;
  const ours = (flags & kind.ours) !== 0;
  const isLost = (flags & kind.lost) !== 0;
  const [fromX, endX] = ours ? [right, left] : [left, right];
  const [fromY, endY] = ours ? [y, y + slope] : [y - slope, y];
  const share = isLost ? lostShare(right - left) : 1;
  const [toX, toY] = [fromX + (endX - fromX) * share, fromY + (endY - fromY) * share];
  context.strokeStyle = context.fillStyle = tint;
  context.lineWidth = arrow.isSelected ? 3 : 1.5;
  context.setLineDash(flags & kind.duplicate ? [5, 4] : []);
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
  context.setLineDash([]);
  context.beginPath();
  const back = ours ? 8 : -8;
  if (isLost) {
    for (const side of [-5, 5]) {
      context.moveTo(toX - 5, toY - side);
      context.lineTo(toX + 5, toY + side);
    }
    context.stroke();
  } else {
    context.moveTo(toX, toY);
    context.lineTo(toX + back, toY - 4);
    context.lineTo(toX + back, toY + 4);
    context.fill();
  }
}

export function drawLabel({ context, left, right }: Plane, arrow: Arrow, label: string): void {
  const { y, slope, flags, tint } = arrow;
  const words = [label];
  if (flags & kind.resent) words.push("again");
  if (flags & kind.duplicate) words.push("copy");
  if (flags & kind.lost) words.push("lost");
  const most = Math.floor((right - left - 40) / 7.3);
  // The length goes first: an arrow that cannot be seen shows nothing.
  if (right - left < narrow) words[0] = label.replace(/ · \d+ bytes$/, "");
  let text = words.join(" · ");
  if (text.length > most) text = `${text.slice(0, Math.max(1, most - 1))}…`;
  const wide = context.measureText(text).width + 10;
  const x = labelAt(left, right, flags, wide);
  const middle = y + slope * (flags & kind.ours ? 0.5 : -0.5);
  context.fillStyle = colour("panel");
  context.fillRect(x - wide / 2, middle - 8, wide, 16);
  context.fillStyle = tint;
  context.textAlign = "center";
  context.fillText(text, x, middle + 4);
}

/** In the middle, but not on the cross of what was lost. */
function labelAt(left: number, right: number, flags: number, wide: number): number {
  const middle = (left + right) / 2;
  if (!(flags & kind.lost)) return middle;
  const reach = (right - left) * lostShare(right - left) - crossRoom - wide / 2;
  return flags & kind.ours ? Math.max(middle, right - reach) : Math.min(middle, left + reach);
}
