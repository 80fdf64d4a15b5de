// Tells when a file is not the one any more that was read. It must not know what is in it.

import { stat } from "node:fs/promises";

const watchMillis = 1000;

/** Changes with the file; asked before it is read, it misses no change. Empty where there is
 * none. */
export async function identityOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch {
    return "";
  }
}

/** Looks again and again, which also works where a folder tells no changes, and keeps no process.
 * What is being written now may be half a file: it has changed once two looks find the same.
 * `seen`: the identity of what was read. The result ends it. */
export function watchFrom(path: string, seen: string, onChange: () => void): () => void {
  let last = seen;
  let lately = seen;
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const now = await identityOf(path);
    if (ended) return;
    if (now !== last && now === lately) {
      last = now;
      onChange();
    }
    lately = now;
    later();
  };
  const later = (): void => {
    timer = setTimeout(() => void look(), watchMillis).unref();
  };
  later();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
