// What is told of a request. It must not know what becomes of it.

import { parseDecimal } from "../core/options.ts";
import type { Request } from "../core/packet.ts";
import type { Address, RequestInfo } from "../ports.ts";
import type { RefusedRequest } from "./events.ts";
import { recognise } from "./profiles.ts";

/** For events. */
export function refused(request: Request, client: Address): RefusedRequest {
  const family = recognise(request.options)?.family;
  return { op: request.op, filename: request.filename, client, ...(family ? { family } : {}) };
}

/** For the judge and the storage. */
export function describe(request: Request, client: Address): RequestInfo {
  const { mode, options } = request;
  const size = request.op === "wrq" ? parseDecimal(options.get("tsize")?.value ?? "") : undefined;
  return { client, mode, options, ...(size === undefined ? {} : { size }) };
}
