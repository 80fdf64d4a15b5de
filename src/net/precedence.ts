// IP precedence (RFC 2474) for all that leaves. It must not know what that is.

import { TftpError } from "../core/errors.ts";
import type { Network } from "../ports.ts";

/** The same network, with this precedence. Throws TftpError INVALID_ARGUMENT for what is none. */
export function marked(network: Network, dscp: number | undefined): Network {
  if (dscp === undefined) return network;
  if (!Number.isInteger(dscp) || dscp < 0 || dscp > 63) {
    const hint = "Give a whole number from 0 to 63, such as 46 for expedited forwarding.";
    throw new TftpError("INVALID_ARGUMENT", `there is no precedence ${dscp}`, { hint });
  }
  return { ...network, open: (local, how) => network.open(local, { ...how, dscp }) };
}
