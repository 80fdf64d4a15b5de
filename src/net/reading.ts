// Stops and starts Node's own reading of a UDP socket, for which node:dgram has no method: it takes
// up to 32 datagrams one by one where one call of ours takes as many together. It must not know
// what they are.

import type { Socket } from "node:dgram";

/** What node:dgram keeps behind a symbol, in all versions so far. */
interface Handle {
  recvStart(): number;
  recvStop(): number;
}

/** Undefined where this Node has no such thing: then it reads what it likes. */
export function readingOf(socket: Socket): Handle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "state symbol",
  );
  const state = symbol && (socket as unknown as Record<symbol, { handle?: Handle | null }>)[symbol];
  const handle = state?.handle;
  const has = typeof handle?.recvStart === "function" && typeof handle.recvStop === "function";
  return has ? handle : undefined;
}
