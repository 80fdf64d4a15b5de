// Draws the packets of a transfer as a ladder: the client on the left, this server on the right,
// time downwards, each packet an arrow. Only what is visible is drawn, however many there are.

import { colour, element, keepDrawn, surface } from "./dom.ts";
import {
  type Arrow,
  drawArrow,
  drawLabel,
  type Plane,
  paintOf,
  paintTable,
} from "./ladder-arrow.ts";
import { FlagIndex, kind, type LadderPackets, labelOf } from "./ladder-packets.ts";
import { durationText } from "./words.ts";

export type Scale = "packets" | "time";

const top = 44;
const mapWidth = 14;
const rowMost = 64;
const labelHeight = 14;
const font = "12px ui-monospace, monospace";
const problems: number = kind.resent | kind.duplicate | kind.lost | kind.error;

export class Ladder {
  readonly canvas: HTMLCanvasElement = element("canvas", {
    tabindex: 0,
    role: "application",
    "aria-label": "Ladder diagram: arrow keys move from packet to packet, plus and minus zoom",
  });
  onSelect: (row: number) => void = () => {};
  #packets: LadderPackets;
  #index: FlagIndex;
  #scale: Scale = "packets";
  /** Pixels a packet, or a millisecond. */
  #zoom = 24;
  /** What is at the top, in pixels from the first packet. */
  #scroll = 0;
  #selected = 0;
  #drawing = false;

  constructor(packets: LadderPackets) {
    this.#packets = packets;
    this.#index = new FlagIndex(packets.flags);
    keepDrawn(this.canvas, () => this.draw());
  }

  get packets(): LadderPackets {
    return this.#packets;
  }

  set packets(packets: LadderPackets) {
    this.#packets = packets;
    this.#index = new FlagIndex(packets.flags);
    this.draw();
  }

  get selected(): number {
    return this.#selected;
  }

  set scale(scale: Scale) {
    this.#scale = scale;
    if (scale === "packets") this.#zoom = 24;
    else this.fit();
    this.select(this.#selected);
  }

  /** Pixels from the first packet to the last. */
  get length(): number {
    return this.#at(Math.max(0, this.#packets.count - 1));
  }

  get room(): number {
    return this.canvas.clientHeight - top - 12;
  }

  fit(): void {
    const { count, at } = this.#packets;
    const most = this.#scale === "time" ? (at[count - 1] ?? 1) : Math.max(1, count - 1);
    this.#zoom = Math.min(this.#scale === "time" ? 1e4 : rowMost, this.room / Math.max(most, 1e-3));
    this.scrollTo(0);
  }

  /** Around what is at `y`, in pixels from the top of the canvas. */
  zoomBy(factor: number, y: number = this.canvas.clientHeight / 2): void {
    const least = Math.min(24, this.room / Math.max(1, this.length / this.#zoom));
    const most = this.#scale === "time" ? 1e5 : rowMost;
    const before = this.#zoom;
    this.#zoom = Math.min(most, Math.max(least, before * factor));
    const offset = y - top;
    this.scrollTo(((this.#scroll + offset) * this.#zoom) / before - offset);
  }

  scrollBy(pixels: number): void {
    this.scrollTo(this.#scroll + pixels);
  }

  scrollTo(pixels: number): void {
    this.#scroll = Math.max(0, Math.min(pixels, this.length - this.room));
    this.draw();
  }

  /** Shows this packet, wherever it is. */
  select(row: number): void {
    const { count } = this.#packets;
    if (count === 0) return;
    this.#selected = Math.max(0, Math.min(count - 1, row));
    const y = this.#at(this.#selected) - this.#scroll;
    if (y < 0 || y > this.room - 20) this.scrollTo(this.#at(this.#selected) - this.room / 3);
    this.onSelect(this.#selected);
    this.draw();
  }

  nextProblem(): void {
    const found = this.#index.next(this.#selected + 1, problems);
    this.select(found >= 0 ? found : Math.max(0, this.#index.next(0, problems)));
  }

  selectAt(y: number): void {
    this.select(this.#rowAt(this.#scroll + y - top));
  }

  isMap(x: number): boolean {
    return x >= this.canvas.clientWidth - mapWidth;
  }

  /** To the place of the whole transfer that this point of the map stands for. */
  scrollToMap(y: number): void {
    const share = y / this.canvas.clientHeight;
    this.scrollTo(share * this.length - this.room / 2);
  }

  /** Once in a frame, however often it is asked for. */
  draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      if (this.canvas.isConnected && this.canvas.clientWidth > 0) this.#draw();
    });
  }

  #draw(): void {
    const { context, width, height } = surface(this.canvas);
    context.font = font;
    const left = Math.min(84, width * 0.2);
    const plane = { context, left, right: width - 40, height };
    this.#drawEnds(plane);
    const [first, last] = [this.#rowAt(this.#scroll - 20), this.#rowAt(this.#scroll + height)];
    context.save();
    context.beginPath();
    context.rect(0, 24, width, height);
    context.clip();
    if (last - first > height) this.#drawDense(plane);
    else this.#drawArrows(plane, first, last);
    context.restore();
    this.#drawMap(context, width, height);
  }

  #drawEnds({ context, left, right, height }: Plane): void {
    context.strokeStyle = colour("muted");
    context.lineWidth = 1.5;
    for (const x of [left, right]) {
      context.beginPath();
      context.moveTo(x, 24);
      context.lineTo(x, height);
      context.stroke();
    }
    context.fillStyle = colour("ink");
    context.textAlign = "center";
    context.fillText("client", left, 16);
    context.fillText("server", right - 6, 16);
  }

  /** More packets than lines: each line has the colour of the worst of its packets. */
  #drawDense({ context, left, right, height }: Plane): void {
    const paints = paintTable();
    for (let y = top; y < height; y++) {
      const from = this.#rowAt(this.#scroll + y - top);
      const to = this.#rowAt(this.#scroll + y - top + 1);
      if (to <= from) continue;
      const flags = this.#index.any(from, to);
      context.globalAlpha = flags & (problems | kind.control) ? 1 : 0.45;
      context.fillStyle = paintOf(flags, paints);
      context.fillRect(left, y, right - left, 1);
    }
    context.globalAlpha = 1;
    this.#drawTimes(context, left, height);
    const text = "Zoom in to see each packet";
    const wide = context.measureText(text).width + 20;
    context.fillStyle = colour("panel");
    context.fillRect((left + right - wide) / 2, height - 40, wide, 24);
    context.fillStyle = colour("ink");
    context.textAlign = "center";
    context.fillText(text, (left + right) / 2, height - 24);
  }

  #drawTimes(context: CanvasRenderingContext2D, left: number, height: number): void {
    context.textAlign = "right";
    context.fillStyle = colour("muted");
    for (let y = top + 10; y < height; y += 60) {
      const row = this.#rowAt(this.#scroll + y - top);
      context.fillText(durationText(this.#packets.at[row] ?? 0), left - 8, y);
    }
  }

  #drawArrows(plane: Plane, first: number, last: number): void {
    const { context, left } = plane;
    const paints = paintTable();
    const slope = this.#slope();
    const arrows: (readonly [row: number, arrow: Arrow])[] = [];
    for (let row = first; row <= last && row < this.#packets.count; row++) {
      const flags = this.#packets.flags[row] as number;
      const y = top + this.#at(row) - this.#scroll;
      const isSelected = row === this.#selected;
      arrows.push([row, { y, slope, flags, tint: paintOf(flags, paints), isSelected }]);
    }
    for (const [, arrow] of arrows) drawArrow(plane, arrow);
    let labelled = Number.NEGATIVE_INFINITY;
    for (const [row, arrow] of arrows) {
      if (arrow.y - labelled < labelHeight && !arrow.isSelected) continue;
      labelled = arrow.y;
      context.textAlign = "right";
      context.fillStyle = arrow.isSelected ? paints.ink : paints.muted;
      context.fillText(durationText(this.#packets.at[row] ?? 0), left - 8, arrow.y + 5);
      drawLabel(plane, arrow, labelOf(this.#packets, row));
    }
    const { dropped, head } = this.#packets;
    if (dropped > 0 && first <= head && head <= last) {
      const y = top + this.#at(head) - this.#scroll - this.#zoom / 2;
      context.textAlign = "center";
      context.fillStyle = paints.bad;
      context.fillText(`— ${dropped} packets are not kept —`, (left + plane.right) / 2, y + 4);
    }
  }

  /** The whole transfer at the right edge, with a frame around what is shown. */
  #drawMap(context: CanvasRenderingContext2D, width: number, height: number): void {
    const paints = paintTable();
    const x = width - mapWidth;
    context.fillStyle = colour("raised");
    context.fillRect(x, 0, mapWidth, height);
    for (let y = 0; y < height; y++) {
      const from = this.#rowAt((y / height) * this.length);
      const to = this.#rowAt(((y + 1) / height) * this.length) + (y === height - 1 ? 1 : 0);
      const flags = this.#index.any(from, to) & problems;
      if (flags === 0) continue;
      context.fillStyle = paintOf(flags, paints);
      context.fillRect(x + 3, y, mapWidth - 6, 2);
    }
    const share = Math.min(1, this.room / Math.max(1, this.length));
    context.strokeStyle = paints.muted;
    context.lineWidth = 1.5;
    const start = (this.#scroll / Math.max(1, this.length)) * height;
    context.strokeRect(x + 1, start + 1, mapWidth - 2, Math.max(10, share * height - 2));
  }

  #slope(): number {
    return this.#scale === "packets" ? Math.min(9, this.#zoom * 0.4) : 5;
  }

  #at(row: number): number {
    return this.#scale === "packets" ? row * this.#zoom : (this.#packets.at[row] ?? 0) * this.#zoom;
  }

  /** The first packet at or below this place; the last one below all. */
  #rowAt(pixels: number): number {
    const { count, at } = this.#packets;
    if (count === 0) return 0;
    const place = pixels / this.#zoom;
    if (this.#scale === "packets") return Math.max(0, Math.min(count - 1, Math.round(place)));
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((at[middle] as number) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
