// What has ended, as rows of a table. A client's search for one name after the other is one row.

import type { Entry } from "../web/messages.ts";
import { element } from "./dom.ts";
import { bytesText, clockText, durationText, nameText, rateText, visible } from "./words.ts";

const namesMax = 12;

/** One entry, or those of a search, the newest first. */
export type Group = readonly [Entry, ...Entry[]];

/** The newest first. */
export function groupsOf(entries: readonly Entry[]): readonly Group[] {
  const groups: [Entry, ...Entry[]][] = [];
  for (const entry of entries) {
    const last = groups.at(-1);
    if (last && isMiss(entry) && isMiss(last[0]) && last[0].client === entry.client) {
      last.push(entry);
    } else groups.push([entry]);
  }
  return groups;
}

/** The same as long as the row is. */
export function keyOf(group: Group): string {
  return `${group[0].id} ${group.length}`;
}

function isMiss({ outcome, op, error }: Entry): boolean {
  return outcome === "refused" && op === "get" && error === "FILE_NOT_FOUND";
}

export function rowOf(group: Group): HTMLElement {
  const row = group.length === 1 ? historyRow(group[0]) : searchRow(group);
  row.dataset.key = keyOf(group);
  return row;
}

function searchRow(group: Group): HTMLElement {
  const [{ id, client, family, endedAt }] = group;
  const asked = [...group].reverse();
  const links = asked.slice(0, namesMax).flatMap((entry, at) => {
    const link = element("a", { href: `#/transfer/${entry.id}` }, nameText(entry.filename));
    return at === 0 ? [link] : [", ", link];
  });
  if (asked.length > namesMax) links.push(` and ${asked.length - namesMax} more`);
  return element(
    "tr",
    { "data-id": id },
    element(
      "td",
      { class: "file" },
      element("strong", {}, `Searched ${asked.length} names, found none`),
      element("p", { class: "why" }, ...links),
    ),
    element("td", { class: "outcome" }, badge("refused")),
    element("td", { class: "client" }, family ? `${client}, ${family}` : client),
    element("td", { class: "number" }),
    element("td", { class: "time" }, clockText(endedAt)),
  );
}

function historyRow(entry: Entry): HTMLElement {
  const { id, op, filename, client, outcome, why, remedy, family } = entry;
  const link = element("a", { href: `#/transfer/${id}` }, nameText(filename));
  const told = [why, remedy].filter((text) => text).join(" ");
  const moved = outcome === "refused" ? "" : movedText(entry);
  const rate =
    entry.bytes > 0 ? element("p", { class: "rate" }, rateText(speedOf(entry))) : undefined;
  return element(
    "tr",
    { "data-id": id },
    element(
      "td",
      { class: "file" },
      `${op === "get" ? "↓" : "↑"} `,
      link,
      told ? element("p", { class: "why" }, visible(told)) : undefined,
    ),
    element("td", { class: "outcome" }, badge(outcome)),
    element("td", { class: "client" }, family ? `${client}, ${family}` : client),
    element("td", { class: "number" }, moved, rate),
    element("td", { class: "time" }, clockText(entry.endedAt)),
  );
}

function movedText({ bytes, size, durationMillis }: Entry): string {
  const of = size !== null && size !== bytes ? ` of ${bytesText(size)}` : "";
  return `${bytesText(bytes)}${of}, ${durationText(durationMillis)}`;
}

export function speedOf({ bytes, durationMillis }: Entry): number {
  return (bytes / Math.max(durationMillis, 0.1)) * 1000;
}

export function badge(outcome: string): HTMLElement {
  const text = outcome === "unconfirmed" ? "sent, not confirmed" : outcome;
  return element("span", { class: `badge ${outcome}` }, text);
}
