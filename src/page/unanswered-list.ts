// Requests that got no answer, and why: their clients see only that nobody is there.

import type { Unanswered } from "../web/messages.ts";
import { element } from "./dom.ts";
import { getJson } from "./feed.ts";
import { clockText, nameText, visible } from "./words.ts";

export class UnansweredList {
  readonly view: HTMLElement;
  readonly #items: HTMLElement = element("ul", { class: "missing" });
  readonly #none = element("p", { class: "empty" }, "Every request was answered so far.");
  /** Of which the list tells. */
  #known = 0;
  #isLoading = false;

  constructor() {
    this.view = element("div", {}, this.#items, this.#none);
  }

  /** `count`: of all so far. One question at a time is under way. */
  async update(count: number): Promise<void> {
    if (count === this.#known || this.#isLoading) return;
    this.#isLoading = true;
    const all = await getJson<Unanswered[]>("/api/unanswered").catch(() => undefined);
    this.#isLoading = false;
    if (!all) return;
    this.#known = count;
    this.#items.replaceChildren(...all.map(itemOf));
    this.#none.hidden = all.length > 0;
  }
}

function itemOf({ op, filename, client, why, count, lastAt }: Unanswered): HTMLElement {
  const times = count === 1 ? "once" : `${count} times`;
  const what = `${op} by ${client}, ${times}, last at ${clockText(lastAt)}`;
  return element(
    "li",
    {},
    element("strong", {}, nameText(filename)),
    element("p", { class: "small" }, what),
    why === null ? undefined : element("p", {}, visible(why)),
  );
}
