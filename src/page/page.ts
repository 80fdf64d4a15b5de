// The page: follows the server and shows one of three views, chosen by what stands behind #.

import type { Entry, State } from "../web/messages.ts";
import { followColours, setText } from "./dom.ts";
import { follow } from "./feed.ts";
import { FilesView } from "./files-view.ts";
import { Overview } from "./overview.ts";
import { TransferView } from "./transfer-view.ts";

interface View {
  readonly view: HTMLElement;
  update(state: State, ended: readonly Entry[] | "all"): void;
}

const main = document.querySelector("main") as HTMLElement;
let overview = new Overview();
let shown: View | undefined;
let state: State | undefined;

function show(moveFocus: boolean): void {
  const [, place = "", rest = ""] = /^#\/([^/]*)\/?(.*)$/.exec(location.hash) ?? [];
  if (place === "transfer") shown = new TransferView(rest);
  else shown = place === "files" ? new FilesView(decodePath(rest)) : overview;
  main.replaceChildren(shown.view);
  for (const link of document.querySelectorAll<HTMLElement>("nav a")) {
    const isHere = link.dataset.page === (place === "files" ? "files" : "overview");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (state) shown.update(state, "all");
  if (moveFocus) main.focus();
}

/** Ids mean other transfers now, so nothing that was made for one stays. */
function startAgain(): void {
  overview = new Overview();
  if (!(shown instanceof FilesView)) show(false);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}

function showServer({ addresses, uploads }: State): void {
  const [first] = addresses;
  const hosts = addresses.slice(0, 2).map(({ host }) => host);
  const more = addresses.length > 2 ? ` and ${addresses.length - 2} more` : "";
  const policy = uploads === "off" ? "read-only" : "takes uploads";
  const text = `UDP port ${first?.port ?? "?"} of ${hosts.join(", ")}${more}, ${policy}`;
  setText(document.getElementById("where") as HTMLElement, text);
}

follow({
  onState: (next, ended) => {
    const isAnother = state !== undefined && state.instance !== next.instance;
    state = next;
    showServer(next);
    if (isAnother) startAgain();
    shown?.update(next, ended);
    if (shown !== overview && (ended === "all" || ended.length > 0)) overview.update(next, ended);
  },
  onLink: (link) => {
    const target = document.getElementById("link") as HTMLElement;
    target.dataset.state = link;
    setText(target, link === "live" ? "live" : "server not reachable");
  },
});
followColours();
addEventListener("hashchange", () => show(true));
show(false);
