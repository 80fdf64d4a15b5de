// One transfer: its facts, why it failed, its packets as a ladder, and the same as downloads.

import type { Entry, State } from "../web/messages.ts";
import { element, panel, setText } from "./dom.ts";
import { badge, speedOf } from "./history-rows.ts";
import { Ladder, type Scale } from "./ladder.ts";
import { kind, labelOf, readPackets } from "./ladder-packets.ts";
import {
  bytesText,
  clockText,
  countText,
  durationText,
  nameText,
  rateText,
  visible,
} from "./words.ts";

const refreshMillis = 1500;

export class TransferView {
  readonly view: HTMLElement = element("div");
  readonly #id: string;
  readonly #top = element("div");
  readonly #bottom = element("div");
  readonly #detail = element("p", { class: "detail", "aria-live": "polite" });
  #ladder: Ladder | undefined;
  #loadedAt = 0;
  #askedAt = -refreshMillis;
  #isUnknown = false;
  #shown = "";
  #wasRunning = false;
  #wasMissing = false;

  constructor(id: string) {
    this.#id = id;
    const back = element("a", { class: "back", href: "#/" }, "← All transfers");
    this.view.append(back, this.#top, this.#bottom);
  }

  update(state: State, ended: readonly Entry[] | "all"): void {
    if (ended === "all") void this.#load();
    const entry = state.history.find(({ id }) => id === this.#id) ?? runningEntry(state, this.#id);
    if (!entry && state.more > 0 && !this.#isUnknown) void this.#ask();
    else this.#show(entry);
  }

  /** It may be one of those that run and are not listed. */
  async #ask(): Promise<void> {
    if (performance.now() - this.#askedAt < refreshMillis) return;
    this.#askedAt = performance.now();
    const response = await fetch(`/api/transfers/${this.#id}`).catch(() => undefined);
    this.#isUnknown = response?.status === 404;
    if (this.#isUnknown) this.#show(undefined);
    else if (response?.ok) this.#show(await response.json());
  }

  #show(entry: Entry | undefined): void {
    const text = JSON.stringify(entry);
    if (text === this.#shown) return;
    this.#shown = text;
    if (entry) this.#showFacts(entry);
    else this.#showNothing();
    const isRunning = entry?.outcome === "running";
    const due = performance.now() - this.#loadedAt > refreshMillis;
    const isNew = entry !== undefined && this.#wasMissing;
    if ((isRunning && due) || (this.#wasRunning && !isRunning) || isNew) void this.#load();
    this.#wasRunning = isRunning;
    this.#wasMissing = entry === undefined;
  }

  #showNothing(): void {
    const text = "This transfer is no longer in memory. Use --capture to keep packets on disk.";
    this.#top.replaceChildren(
      element("h1", {}, "Not kept"),
      element("p", { class: "small" }, text),
    );
  }

  #showFacts(entry: Entry): void {
    const { op, filename, outcome, why, remedy } = entry;
    const title = element("h1", {}, `${op === "get" ? "↓" : "↑"} ${nameText(filename)} `);
    title.append(badge(outcome));
    const facts = factsOf(entry).map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value)),
    );
    const reason = why
      ? element(
          "div",
          { class: outcome === "failed" || outcome === "refused" ? "reason" : "reason warn" },
          element("p", {}, element("strong", {}, visible(why))),
          remedy ? element("p", {}, visible(remedy)) : undefined,
        )
      : undefined;
    this.#top.replaceChildren(title, element("dl", { class: "facts" }, ...facts), reason ?? "");
  }

  async #load(): Promise<void> {
    this.#loadedAt = performance.now();
    const path = `/api/transfers/${this.#id}/packets`;
    const response = await fetch(path).catch(() => undefined);
    if (!response?.ok) {
      const isGone = response?.status === 404;
      const text = isGone ? "Its packets are no longer kept." : "Its packets cannot be had now.";
      if (!this.#ladder) this.#bottom.replaceChildren(element("p", { class: "small" }, text));
      return;
    }
    const packets = readPackets(await response.arrayBuffer());
    if (this.#ladder) this.#ladder.packets = packets;
    else this.#showLadder(new Ladder(packets));
    this.#describe();
  }

  #showLadder(ladder: Ladder): void {
    this.#ladder = ladder;
    ladder.onSelect = () => this.#describe();
    steer(ladder);
    const frame = element("div", { class: "ladder" }, ladder.canvas);
    const bar = element("div", { class: "group" }, ...this.#controls(ladder));
    this.#bottom.replaceChildren(
      panel("Packets", bar, frame, this.#detail, legend()),
      this.#files(),
    );
  }

  #controls(ladder: Ladder): HTMLElement[] {
    const button = (text: string, label: string, act: () => void): HTMLButtonElement =>
      element("button", { onclick: act, "aria-label": label }, text);
    const scales = (["packets", "time"] as const).map((scale: Scale) => {
      const text = scale === "packets" ? "By packet" : "By time";
      const made = element("button", { "aria-pressed": scale === "packets" }, text);
      made.onclick = () => {
        for (const each of scales) each.setAttribute("aria-pressed", String(each === made));
        ladder.scale = scale;
      };
      return made;
    });
    return [
      ...scales,
      button("−", "Zoom out", () => ladder.zoomBy(1 / 1.6)),
      button("+", "Zoom in", () => ladder.zoomBy(1.6)),
      button("All", "All packets", () => ladder.fit()),
      button("Next problem", "Next problem", () => ladder.nextProblem()),
    ];
  }

  #describe(): void {
    if (!this.#ladder || this.#ladder.packets.count === 0) return;
    const { packets, selected: row } = this.#ladder;
    const flags = packets.flags[row] ?? 0;
    const at = packets.at[row] ?? 0;
    const words = [
      `Packet ${countText(row + 1 + (row >= packets.head ? packets.dropped : 0))} of ` +
        countText(packets.count + packets.dropped),
      `${durationText(at)} after the first, at ${clockText(packets.startedAt + at)}`,
      flags & kind.ours ? "server to client" : "client to server",
      labelOf(packets, row),
    ];
    if (flags & kind.resent) words.push("sent again");
    if (flags & kind.duplicate) words.push("a copy of an earlier one");
    if (flags & kind.lost)
      words.push("lost, or not wanted: sent again before anybody acknowledged it");
    setText(this.#detail, words.join(" · "));
  }

  #files(): HTMLElement {
    const link = (kind: string, text: string): HTMLElement =>
      element("a", { class: "button", href: `/api/transfers/${this.#id}/${kind}` }, text);
    return element(
      "section",
      { class: "group", "aria-label": "Downloads" },
      link("capture.pcapng", "Download for Wireshark (pcapng)"),
      link("timeline.json", "Download as JSON"),
    );
  }
}

function factsOf(entry: Entry): (readonly [name: string, value: string])[] {
  const { bytes, size, blksize, windowsize, roundTripMillis, family } = entry;
  const facts: (readonly [string, string])[] = [
    ["Client", `${entry.client} port ${entry.clientPort}`],
  ];
  if (family) facts.push(["Kind of client", family]);
  facts.push(["Began", clockText(entry.startedAt)]);
  if (entry.outcome === "refused") return facts;
  facts.push(
    [
      "Moved",
      size === null || size === bytes
        ? bytesText(bytes)
        : `${bytesText(bytes)} of ${bytesText(size)}`,
    ],
    ["Time", durationText(entry.durationMillis)],
    ["Rate", rateText(speedOf(entry))],
    ["blksize", String(blksize ?? "")],
    ["windowsize", String(windowsize ?? "")],
    ["Sent again", countText(entry.resent)],
    ["Came again", countText(entry.duplicates)],
  );
  if (roundTripMillis !== null) facts.push(["Round trip", durationText(roundTripMillis)]);
  return facts;
}

function runningEntry(state: State, id: string): Entry | undefined {
  const running = state.transfers.find((transfer) => transfer.id === id);
  if (!running) return undefined;
  const now = Date.now();
  return {
    ...running,
    localHost: null,
    endedAt: now,
    outcome: "running",
    durationMillis: now - running.startedAt,
    why: running.warning,
    error: null,
    remedy: null,
  };
}

function legend(): HTMLElement {
  const item = (tint: string, text: string): HTMLElement =>
    element("span", {}, element("i", { class: tint }), text);
  return element(
    "p",
    { class: "legend detail" },
    item("", "DATA"),
    item("good", "ACK"),
    item("second", "request, options"),
    item("warn", "sent or received again"),
    item("bad", "lost, ERROR"),
  );
}

/** Wheel, drag, pinch and keys. */
function steer(ladder: Ladder): void {
  const { canvas } = ladder;
  const page = (): number => ladder.room * 0.9;
  const keys: Readonly<Record<string, () => void>> = {
    ArrowDown: () => ladder.select(ladder.selected + 1),
    ArrowUp: () => ladder.select(ladder.selected - 1),
    PageDown: () => ladder.scrollBy(page()),
    PageUp: () => ladder.scrollBy(-page()),
    Home: () => ladder.select(0),
    End: () => ladder.select(Number.MAX_SAFE_INTEGER),
    "+": () => ladder.zoomBy(1.6),
    "-": () => ladder.zoomBy(1 / 1.6),
    n: () => ladder.nextProblem(),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.ctrlKey || event.shiftKey)
        ladder.zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.offsetY);
      else ladder.scrollBy(event.deltaY);
    },
    { passive: false },
  );
  drag(ladder);
}

function drag(ladder: Ladder): void {
  const { canvas } = ladder;
  const fingers = new Map<number, number>();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.offsetY);
    moved = 0;
    if (ladder.isMap(event.offsetX)) ladder.scrollToMap(event.offsetY);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (before === undefined) return;
    if (ladder.isMap(event.offsetX) && fingers.size === 1) ladder.scrollToMap(event.offsetY);
    else if (fingers.size === 1) ladder.scrollBy(before - event.offsetY);
    else {
      const [other = before] = [...fingers]
        .filter(([id]) => id !== event.pointerId)
        .map(([, y]) => y);
      const [was, is] = [Math.abs(before - other), Math.abs(event.offsetY - other)];
      if (was > 8 && is > 8) ladder.zoomBy(is / was, (event.offsetY + other) / 2);
    }
    moved += Math.abs(before - event.offsetY);
    fingers.set(event.pointerId, event.offsetY);
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (moved < 4 && !ladder.isMap(event.offsetX)) ladder.selectAt(event.offsetY);
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
}
