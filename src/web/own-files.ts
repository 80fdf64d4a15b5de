// The files that come with the program and are no code that it runs itself. They stand beside the
// compiled code, or inside the single-file executable. It must not know what is in them.

import { readFileSync } from "node:fs";
import { getAsset, isSea } from "node:sea";

/** Whether this is the single-file executable, which has no script beside it. */
export const isExecutable: boolean = isSea();

/** `path`: from the package's own folder. Throws what the system says. */
export function ownFile(path: string): Buffer {
  if (isExecutable) return Buffer.from(getAsset(path));
  return readFileSync(new URL(`../../../${path}`, import.meta.url));
}

export function ownVersion(): string {
  return JSON.parse(ownFile("package.json").toString()).version;
}
