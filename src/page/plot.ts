// The throughput of the last minutes, five at most, as two areas.

import type { Sample } from "../web/messages.ts";
import { colour, element, keepDrawn, surface } from "./dom.ts";
import { rateText } from "./words.ts";

const secondsLeast = 60;
const secondsMost = 300;
const bottom = 18;
const font = "11.5px system-ui, sans-serif";

export class Plot {
  readonly canvas: HTMLCanvasElement = element("canvas", { role: "img" });
  #samples: readonly Sample[] = [];

  constructor() {
    keepDrawn(this.canvas, () => this.draw());
  }

  update(samples: readonly Sample[]): void {
    if (samples === this.#samples) return;
    this.#samples = samples;
    const [, sent = 0, received = 0] = samples.at(-1) ?? [];
    const label = `Throughput: sending ${rateText(sent)}, receiving ${rateText(received)}`;
    this.canvas.setAttribute("aria-label", label);
    this.draw();
  }

  draw(): void {
    if (!this.canvas.isConnected || this.canvas.clientWidth === 0) return;
    const { context, width, height } = surface(this.canvas);
    const most = niceCeiling(Math.max(1000, ...this.#samples.flatMap(([, ...rates]) => rates)));
    const floor = height - bottom;
    context.font = font;
    context.lineWidth = 1;
    for (const share of [0, 0.5, 1]) {
      const y = Math.round(floor - share * (floor - 12)) + 0.5;
      context.strokeStyle = colour("line");
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.stroke();
      context.fillStyle = colour("muted");
      if (share > 0) context.fillText(rateText(most * share), 2, y + 13);
    }
    const now = this.#samples.at(-1)?.[0] ?? Date.now();
    const [first = now] = this.#samples[0] ?? [];
    const seconds = Math.min(secondsMost, Math.max(secondsLeast, (now - first) / 1000));
    const scale = { now, most, floor, pixelsPerSecond: width / seconds, width };
    this.#area(context, 1, colour("accent"), scale);
    this.#area(context, 2, colour("second"), scale);
    context.fillStyle = colour("muted");
    const step = seconds <= 100 ? 15 : 60;
    for (let ago = step; ago < seconds - step / 2; ago += step) {
      const x = width - ago * scale.pixelsPerSecond;
      context.fillText(step === 60 ? `${ago / 60} min ago` : `${ago} s ago`, x - 24, height - 3);
    }
    context.textAlign = "right";
    context.fillText("now", width, height - 3);
    context.textAlign = "left";
  }

  #area(
    context: CanvasRenderingContext2D,
    series: 1 | 2,
    tint: string,
    { now, most, width, floor, pixelsPerSecond }: PlotScale,
  ): void {
    const points = this.#samples.map((sample): readonly [number, number] => [
      width - ((now - sample[0]) / 1000) * pixelsPerSecond,
      floor - (sample[series] / most) * (floor - 12),
    ]);
    const [first] = points;
    const last = points.at(-1);
    if (!first || !last || !this.#samples.some((sample) => sample[series] > 0)) return;
    const path = new Path2D();
    path.moveTo(...first);
    for (const point of points) path.lineTo(...point);
    context.strokeStyle = context.fillStyle = tint;
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.stroke(path);
    path.lineTo(last[0], floor);
    path.lineTo(first[0], floor);
    context.globalAlpha = 0.14;
    context.fill(path);
    context.globalAlpha = 1;
  }
}

interface PlotScale {
  readonly now: number;
  readonly most: number;
  readonly width: number;
  readonly floor: number;
  readonly pixelsPerSecond: number;
}

/** 1, 2 or 5 and zeros. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
