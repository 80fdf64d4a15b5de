// Makes elements, and what is drawn on. Text stays text: nothing a client wrote is ever read as
// HTML.

type Child = Node | string | undefined;
type Properties = Readonly<Record<string, unknown>>;

/** `class`, `aria-...`, `data-...` and `role` become attributes, the rest properties. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (/^(?:class|role|scope|for|tabindex|aria-.*|data-.*)$/.test(key)) {
      made.setAttribute(key, String(value));
    } else Object.assign(made, { [key]: value });
  }
  for (const child of children) if (child !== undefined) made.append(child);
  return made;
}

/** Writes only what differs, so that nothing flickers and no selection is lost. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function panel(
  title: string,
  extra: Node | undefined,
  ...content: readonly Child[]
): HTMLElement {
  const heading = element("h2", {}, title);
  return element(
    "section",
    { class: "panel", "aria-label": title },
    element("div", { class: "head" }, heading, extra),
    ...content,
  );
}

/** A colour of the style sheet, for what is drawn. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Draws whenever the canvas has another size, or the screen other colours. */
export function keepDrawn(canvas: HTMLCanvasElement, draw: () => void): void {
  new ResizeObserver(draw).observe(canvas);
  // What listens to the screen itself is kept for ever; this goes with the canvas.
  canvas.addEventListener(recoloured, draw);
}

/** Tells every canvas that is shown when the screen turns light or dark. To be called once. */
export function followColours(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const canvas of document.querySelectorAll("canvas")) {
      canvas.dispatchEvent(new Event(recoloured));
    }
  });
}

const recoloured = "recoloured";

/** The drawing surface in CSS pixels, sharp on every screen. */
export function surface(canvas: HTMLCanvasElement): {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
} {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
