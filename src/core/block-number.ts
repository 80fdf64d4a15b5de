// The one crossing between 16-bit wire numbers and block numbers without bound.

import type { Rollover } from "./options.ts";
import type { BlockNumber, WireNumber } from "./packet.ts";

/** What stands in the packet for a block. RFC 1350 is silent on what follows 65535: nearly
 * everybody sends 0; rollover 1 is for peers that expect 1. */
export function toWire(block: BlockNumber, rollover: Rollover): WireNumber {
  if (block <= 0xffff) return block;
  return rollover === 0 ? block % 0x10000 : ((block - 1) % 0xffff) + 1;
}

/** The latest block up to `limit` with this wire number, or -1 when there is none. A window never
 * has more blocks than there are numbers, less one, so within it the answer is the only one. */
export function latestUpTo(
  limit: BlockNumber,
  wire: WireNumber,
  rollover: Rollover,
): BlockNumber | -1 {
  if (rollover === 1 && wire === 0) return limit >= 0 ? 0 : -1;
  const period = rollover === 0 ? 0x10000 : 0xffff;
  const back = (toWire(limit, rollover) - wire + period) % period;
  const block = limit - back;
  return block > 0 || (block === 0 && wire === 0) ? block : -1;
}
