// The folder that is served: look, download, and upload where uploads are on.

import type { Entry, Folder, FolderEntry, State } from "../web/messages.ts";
import { element, setText } from "./dom.ts";
import { getJson } from "./feed.ts";
import { bytesText, nameText, visible } from "./words.ts";

export class FilesView {
  readonly view: HTMLElement = element("div");
  readonly #path: string;
  readonly #list = element("div", { class: "panel" });
  readonly #rule = element("div");
  readonly #said = element("p", { role: "status", class: "small" });
  /** Of the server as it was last heard of, and of this folder. */
  #standing: State["uploads"] | undefined;
  #uploads: Folder["uploads"] | undefined;

  /** `path` is relative to the root, without a slash at its ends. */
  constructor(path: string) {
    this.#path = path;
    this.view.append(
      element("h1", {}, "Files"),
      crumbs(path),
      element("section", {}, this.#list),
      this.#rule,
    );
  }

  update({ uploads }: State, ended: readonly Entry[] | "all"): void {
    if (ended === "all" || this.#standing !== uploads) void this.#load();
    this.#standing = uploads;
  }

  #offer(uploads: Folder["uploads"]): void {
    if (this.#uploads === uploads) return;
    this.#uploads = uploads;
    const off = "Uploads are off. Start the server with --uploads create to allow them.";
    if (uploads !== "off") this.#rule.replaceChildren(this.#drop(uploads));
    else this.#rule.replaceChildren(element("p", { class: "small" }, off), this.#said);
  }

  async #load(): Promise<void> {
    try {
      const query = new URLSearchParams({ path: this.#path });
      const found = await getJson<Folder>(`/api/files?${query}`);
      this.#offer(found.uploads);
      this.#list.replaceChildren(
        found.entries.length > 0
          ? this.#table(found.entries)
          : element("p", { class: "empty" }, "This folder is empty."),
        found.more > 0 ? element("p", { class: "empty" }, `and ${found.more} more`) : "",
      );
    } catch (error) {
      this.#list.replaceChildren(element("p", { class: "empty" }, (error as Error).message));
    }
  }

  #table(entries: readonly FolderEntry[]): HTMLElement {
    const head = element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "Name"),
        element("th", { scope: "col", class: "number" }, "Size"),
        element("th", { scope: "col", class: "number" }, "Changed"),
      ),
    );
    return element(
      "table",
      {},
      head,
      element("tbody", {}, ...entries.map((each) => this.#row(each))),
    );
  }

  #row({ name, kind, size, modifiedAt }: FolderEntry): HTMLElement {
    const path = pathOf(this.#path === "" ? name : `${this.#path}/${name}`);
    const link =
      kind === "folder"
        ? element("a", { href: `#/files/${path}` }, `${nameText(name)}/`)
        : element("a", { href: `/files/${path}`, download: name }, nameText(name));
    const changed = modifiedAt === null ? "" : new Date(modifiedAt).toLocaleDateString("en-CA");
    return element(
      "tr",
      {},
      element("td", { class: "file" }, link),
      element("td", { class: "number" }, size === null ? "" : bytesText(size)),
      element("td", { class: "number time" }, changed),
    );
  }

  #drop(uploads: string): HTMLElement {
    const input = element("input", { type: "file", multiple: true, id: "upload" });
    input.onchange = () => void this.#upload([...(input.files ?? [])]);
    const rule = uploads === "create" ? "Files are never replaced." : "Files may be replaced.";
    return element(
      "section",
      { class: "panel drop" },
      element("label", { for: "upload" }, "Upload into this folder:"),
      input,
      element("p", { class: "small" }, rule),
      this.#said,
    );
  }

  async #upload(files: readonly File[]): Promise<void> {
    for (const file of files) {
      setText(this.#said, `Sending ${nameText(file.name)} …`);
      const path = pathOf(this.#path === "" ? file.name : `${this.#path}/${file.name}`);
      const request = { method: "PUT", body: file, headers: { "x-tidewire": "1" } };
      const response = await fetch(`/files/${path}`, request).catch(() => undefined);
      const failure = response?.ok ? undefined : await response?.text().catch(() => "");
      const reason = failure === undefined ? "no answer" : visible(failure.trim());
      if (response?.ok) setText(this.#said, `${nameText(file.name)} is stored.`);
      else {
        setText(this.#said, `${nameText(file.name)} is not stored: ${reason}`);
        break;
      }
    }
    await this.#load();
  }
}

function crumbs(path: string): HTMLElement {
  const parts = path.split("/").filter((part) => part !== "");
  const links = parts.flatMap((part, at) => [
    " / ",
    element("a", { href: `#/files/${pathOf(parts.slice(0, at + 1).join("/"))}` }, nameText(part)),
  ]);
  const root = element("a", { href: "#/files" }, "Top folder");
  return element("p", { class: "crumbs" }, root, ...links);
}

function pathOf(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
