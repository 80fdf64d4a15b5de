// A request as the queue has to know it: whose it is, and when its client is likely to ask again.

import { parseDecimal } from "../core/texts.ts";
import { keyOf } from "../transfer/peer.ts";
import type { Waiting } from "./queue.ts";
import type { Admitted } from "./server-parts.ts";

export function waitingFor(admitted: Admitted): Waiting<Admitted> {
  const { client } = admitted.info;
  const seconds = parseDecimal(admitted.request.options.get("timeout")?.value ?? "") ?? 0;
  const retry = seconds > 0 ? { retryMillis: seconds * 1000 } : {};
  return { key: keyOf(client), host: client.host, value: admitted, ...retry };
}
