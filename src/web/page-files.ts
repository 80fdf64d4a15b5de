// The files of the page, read once when they are first asked for. Nothing else can be asked for.

import { ownFile } from "./own-files.ts";

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

const html = "text/html; charset=utf-8";
const files: Readonly<Record<string, readonly [path: string, type: string]>> = {
  "/": ["src/page/page.html", html],
  "/page.css": ["src/page/page.css", "text/css; charset=utf-8"],
  "/icon.svg": ["src/page/icon.svg", "image/svg+xml"],
};
const script = /^\/([a-z-]+\.js)$/;
const kept = new Map<string, PageFile>();

export function pageFile(path: string): PageFile | undefined {
  const found = kept.get(path);
  if (found) return found;
  const scriptName = script.exec(path)?.[1];
  const [where, type] =
    scriptName === undefined
      ? (files[path] ?? [])
      : [`dist/src/page/${scriptName}`, "text/javascript; charset=utf-8"];
  if (!where || !type) return undefined;
  try {
    const file = { type, content: ownFile(where) };
    kept.set(path, file);
    return file;
  } catch {
    return undefined;
  }
}
