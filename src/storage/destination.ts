// Where a path leads in the end: to a name, or to a file that this process has open already, such
// as /dev/stdout. Follows links to nothing, too. Knows no bytes.

import { lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { notRegular, systemCode } from "./file-error.ts";

/** As many as Linux follows. */
const linksMax = 40;

/** A path that is no link, or the number of a descriptor. The system's own checks of links come
 * first: `stat` the path before. Throws TftpError, or what the system says. */
export async function destination(path: string): Promise<string | number> {
  let at = path;
  for (let links = 0; links < linksMax; links += 1) {
    const descriptor = ownDescriptor(at);
    if (descriptor !== undefined) return descriptor;
    if (!(await isLink(at))) return at;
    at = resolve(await realpath(dirname(at)), await readlink(at));
  }
  throw notRegular();
}

/** Such a link shows a name, but means the open file, with its place in it and what the shell said
 * of it (`>>`). */
function ownDescriptor(path: string): number | undefined {
  const folder = dirname(path);
  const ours = ["/dev/fd", "/proc/self/fd", `/proc/${process.pid}/fd`].includes(folder);
  return ours && /^\d+$/.test(basename(path)) ? Number(basename(path)) : undefined;
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return false;
    throw thrown;
  }
}
