// The files of the page, read once when they are first asked for. Nothing else can be asked for.

import { readFile } from "node:fs/promises";

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** HTML and CSS stand beside the sources, scripts beside this file's own compiled form. */
const sources = new URL("../../../src/page/", import.meta.url);
const compiled = new URL("../page/", import.meta.url);
const html = "text/html; charset=utf-8";
const files: Readonly<Record<string, readonly [where: URL, type: string]>> = {
  "/": [new URL("page.html", sources), html],
  "/page.css": [new URL("page.css", sources), "text/css; charset=utf-8"],
  "/icon.svg": [new URL("icon.svg", sources), "image/svg+xml"],
};
const script = /^\/([a-z-]+\.js)$/;
const kept = new Map<string, PageFile>();

export async function pageFile(path: string): Promise<PageFile | undefined> {
  const found = kept.get(path);
  if (found) return found;
  const scriptName = script.exec(path)?.[1];
  const [where, type] =
    scriptName === undefined
      ? (files[path] ?? [])
      : [new URL(scriptName, compiled), "text/javascript; charset=utf-8"];
  if (!where || !type) return undefined;
  const content = await readFile(where).catch(() => undefined);
  if (!content) return undefined;
  const file = { type, content };
  kept.set(path, file);
  return file;
}
