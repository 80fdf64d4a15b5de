// The transfers that run, each with a bar. Elements stay while their transfer runs.

import type { RunningTransfer } from "../web/messages.ts";
import { element, setText } from "./dom.ts";
import { bytesText, durationText, nameText, rateText, visible } from "./words.ts";

interface Item {
  readonly row: HTMLElement;
  readonly rate: HTMLElement;
  readonly bar: HTMLProgressElement;
  readonly facts: HTMLElement;
}

export class RunningList {
  readonly view: HTMLElement;
  readonly #list: HTMLElement = element("ul", { class: "running" });
  readonly #note: HTMLElement = element("p", { class: "empty" });
  readonly #items = new Map<string, Item>();

  constructor() {
    this.view = element("div", {}, this.#list, this.#note);
  }

  update(transfers: readonly RunningTransfer[], more: number): void {
    const ids = new Set(transfers.map(({ id }) => id));
    for (const [id, { row }] of this.#items) {
      if (ids.has(id)) continue;
      row.remove();
      this.#items.delete(id);
    }
    for (const transfer of transfers) {
      let item = this.#items.get(transfer.id);
      if (!item) {
        item = newItem(transfer);
        this.#items.set(transfer.id, item);
        this.#list.append(item.row);
      }
      show(item, transfer);
    }
    const none = "Nothing runs now. A transfer appears here as soon as a client asks for a file.";
    setText(this.#note, more > 0 ? `and ${more} more` : none);
    this.#note.hidden = more === 0 && transfers.length > 0;
  }
}

function newItem(transfer: RunningTransfer): Item {
  const { id, op, filename, client, family, warning } = transfer;
  const name = element("a", { class: "name", href: `#/transfer/${id}` }, nameText(filename));
  const who = family ? `${client}, ${family}` : client;
  const way = op === "get" ? `↓ to ${who}` : `↑ from ${who}`;
  const rate = element("span", { class: "rate" });
  const bar = element("progress", { "aria-label": `Progress of ${nameText(filename)}` });
  const facts = element("span", { class: "small" });
  const alarm = warning ? element("p", { class: "warning" }, visible(warning)) : undefined;
  const line = element(
    "div",
    { class: "line" },
    name,
    element("span", { class: "small" }, way),
    rate,
  );
  return { row: element("li", {}, line, bar, facts, alarm), rate, bar, facts };
}

function show({ rate, bar, facts }: Item, transfer: RunningTransfer): void {
  const { bytes, size, bytesPerSecond, blksize, windowsize, resent } = transfer;
  setText(rate, rateText(bytesPerSecond));
  const parts = [
    size === null ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(size)}`,
    `blksize ${blksize}`,
    `windowsize ${windowsize}`,
  ];
  if (size === null) bar.removeAttribute("value");
  else {
    bar.max = Math.max(1, size);
    bar.value = bytes;
    if (bytesPerSecond > 0 && bytes < size) {
      parts.splice(1, 0, `${durationText(((size - bytes) / bytesPerSecond) * 1000)} left`);
    }
  }
  if (resent > 0) parts.push(`${resent} resent`);
  setText(facts, parts.join(" · "));
}
