// One storage for what is read and another one for what is written.

import type { Storage } from "../ports.ts";

/** What clients bring can then not be fetched by others, unless `reads` shows it. */
export function separate(parts: { readonly reads: Storage; readonly writes: Storage }): Storage {
  return {
    openRead: (name, request) => parts.reads.openRead(name, request),
    readAtHand: (name, request, receipt) => parts.reads.readAtHand?.(name, request, receipt),
    openWrite: (name, request) => parts.writes.openWrite(name, request),
  };
}
