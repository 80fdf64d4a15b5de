// What an earlier run left in the served folder, when it was killed.

import { removeLeftovers } from "../index.ts";

/** Says how much there was. A large tree takes its time: call it when the server runs, and let the
 * server's end end it. */
export async function clearLeftovers(dir: string, signal: AbortSignal): Promise<void> {
  const { length } = await removeLeftovers(dir, { signal });
  if (length === 0) return;
  const what = length === 1 ? "1 unfinished upload" : `${length} unfinished uploads`;
  console.error(`Removed what ${what} of an earlier run had left.`);
}
