// The first page: what runs, how fast, what ended and why, who got no answer, and which names
// were not found.

import type { Entry, Missing, RunningTransfer, State } from "../web/messages.ts";
import { element, panel, setText } from "./dom.ts";
import { getJson } from "./feed.ts";
import { type Group, groupsOf, keyOf, rowOf } from "./history-rows.ts";
import { Plot } from "./plot.ts";
import { RunningList } from "./running-list.ts";
import { UnansweredList } from "./unanswered-list.ts";
import { nameText, rateText } from "./words.ts";

const rowsMax = 200;
/** What did what it was to do. */
const successes: ReadonlySet<string> = new Set(["completed", "probe", "unconfirmed"]);

export class Overview {
  readonly view: HTMLElement;
  readonly #tiles = {
    running: element("dd", {}, "0"),
    sending: element("dd", {}, "0 B/s"),
    receiving: element("dd", {}, "0 B/s"),
    failed: element("dd", {}, "0"),
  };
  readonly #plot = new Plot();
  readonly #running = new RunningList();
  readonly #rows: HTMLElement = element("tbody");
  readonly #missing: HTMLElement = element("ul", { class: "missing" });
  readonly #unanswered = new UnansweredList();
  readonly #noHistory = element("p", { class: "empty" });
  readonly #noMissing = element("p", { class: "empty" }, "Every name was found so far.");
  #problemsOnly = false;
  #entries: readonly Entry[] = [];

  constructor() {
    const { running, sending, receiving, failed } = this.#tiles;
    const tile = (name: string, value: HTMLElement): HTMLElement =>
      element("div", {}, element("dt", {}, name), value);
    this.view = element(
      "div",
      {},
      element("h1", { class: "hidden" }, "Transfers"),
      element(
        "dl",
        { class: "tiles" },
        tile("Running", running),
        tile("Sending", sending),
        tile("Receiving", receiving),
        tile("Did not succeed", failed),
      ),
      panel("Throughput", legend(), element("div", { class: "plot" }, this.#plot.canvas)),
      panel("Running transfers", undefined, this.#running.view),
      element(
        "div",
        { class: "columns" },
        panel("History", this.#filter(), this.#table(), this.#noHistory),
        element(
          "div",
          {},
          panel("Not answered", undefined, this.#unanswered.view),
          panel("Names not found", undefined, this.#missing, this.#noMissing),
        ),
      ),
    );
  }

  update(state: State, ended: readonly Entry[] | "all"): void {
    const [, sent = 0, received = 0] = state.samples.at(-1) ?? [];
    setText(this.#tiles.running, String(state.transfers.length + state.more));
    setText(this.#tiles.sending, rateText(rateOf(state.transfers, "get") || sent));
    setText(this.#tiles.receiving, rateText(rateOf(state.transfers, "put") || received));
    this.#plot.update(state.samples);
    this.#running.update(state.transfers, state.more);
    void this.#unanswered.update(state.unanswered);
    if (ended !== "all" && ended.length === 0) return;
    this.#entries = state.history;
    const groups = groupsOf(state.history);
    const failed = groups.filter(([first]) => isProblem(first)).length;
    setText(this.#tiles.failed, String(failed));
    this.#tiles.failed.parentElement?.classList.toggle("bad", failed > 0);
    this.#showHistory(groups);
    if (ended === "all" || ended.some(({ outcome }) => outcome === "refused")) {
      void this.#loadMissing();
    }
  }

  /** Rows that are there already stay: a reader's place and focus with them. */
  #showHistory(groups: readonly Group[]): void {
    const shown = groups.filter(([first]) => !this.#problemsOnly || isProblem(first));
    const before = new Map(
      Array.from(this.#rows.children, (row) => [(row as HTMLElement).dataset.key, row]),
    );
    const rows = shown.slice(0, rowsMax).map((group) => before.get(keyOf(group)) ?? rowOf(group));
    const wanted = new Set(rows);
    for (const row of [...this.#rows.children]) if (!wanted.has(row)) row.remove();
    rows.forEach((row, at) => {
      if (this.#rows.children[at] !== row)
        this.#rows.insertBefore(row, this.#rows.children[at] ?? null);
    });
    const nothing = this.#problemsOnly ? "No problems." : "Nothing has ended yet.";
    setText(this.#noHistory, nothing);
    this.#noHistory.hidden = rows.length > 0;
    (this.#rows.parentElement as HTMLElement).hidden = rows.length === 0;
  }

  async #loadMissing(): Promise<void> {
    const missing = await getJson<Missing[]>("/api/missing").catch(() => []);
    this.#missing.replaceChildren(...missing.map(missingItem));
    this.#noMissing.hidden = missing.length > 0;
  }

  #filter(): HTMLElement {
    const button = (text: string, problems: boolean): HTMLButtonElement => {
      const made = element("button", { "aria-pressed": problems === this.#problemsOnly }, text);
      made.onclick = () => {
        this.#problemsOnly = problems;
        for (const each of both) each.setAttribute("aria-pressed", String(each === made));
        this.#showHistory(groupsOf(this.#entries));
      };
      return made;
    };
    const both = [button("All", false), button("Problems", true)];
    return element("div", { class: "group", role: "group", "aria-label": "Show" }, ...both);
  }

  #table(): HTMLElement {
    const heads = ["File", "Outcome", "Client", "Moved", "Ended"];
    const cells = heads.map((text, at) =>
      element("th", { scope: "col", class: at === 3 ? "number" : "" }, text),
    );
    const head = element("thead", {}, element("tr", {}, ...cells));
    return element("table", { class: "history" }, head, this.#rows);
  }
}

function isProblem({ outcome }: Entry): boolean {
  return !successes.has(outcome);
}

function missingItem({ filename, count, client, near }: Missing): HTMLElement {
  const times = count === 1 ? "once" : `${count} times`;
  return element(
    "li",
    {},
    element("strong", {}, nameText(filename)),
    element("p", { class: "small" }, `asked for ${times}, last by ${client}`),
    near.length === 0 ? undefined : element("p", {}, `There is: ${near.map(nameText).join(", ")}`),
  );
}

function rateOf(transfers: readonly RunningTransfer[], op: "get" | "put"): number {
  return transfers.reduce((sum, each) => sum + (each.op === op ? each.bytesPerSecond : 0), 0);
}

function legend(): HTMLElement {
  return element(
    "p",
    { class: "legend" },
    element("span", {}, element("i"), "sending"),
    element("span", {}, element("i", { class: "second" }), "receiving"),
  );
}
