// What is told of a request. It must not know what becomes of it.

import type { Request } from "../core/packet.ts";
import { parseDecimal } from "../core/texts.ts";
import type { Address } from "../ports.ts";
import type { RefusedRequest } from "./events.ts";
import type { JudgedRequest } from "./policy.ts";
import { recognise } from "./profiles.ts";

/** For events. */
export function refused(request: Request, client: Address): RefusedRequest {
  const family = recognise(request.options)?.family;
  return { op: request.op, filename: request.filename, client, ...(family ? { family } : {}) };
}

/** For the judge and the storage. */
export function describe(request: Request, client: Address): JudgedRequest {
  const { op, filename, mode, options } = request;
  const size = op === "wrq" ? parseDecimal(options.get("tsize")?.value ?? "") : undefined;
  if (size === undefined) return { client, mode, options, op, filename };
  return { client, mode, options, op, filename, size };
}
