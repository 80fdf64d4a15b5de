// How a transfer ended and why: from the state of its machine and what was seen beside it. Sends
// nothing.

import type { TftpError } from "../core/errors.ts";
import type { Request } from "../core/packet.ts";
import type { Receiver } from "../core/receiver.ts";
import type { Sender } from "../core/sender.ts";
import type { Peer } from "../transfer/peer.ts";
import { type Diagnosis, diagnose } from "./diagnosis.ts";
import type { Ending } from "./events.ts";

export interface Seen {
  readonly request: Request;
  readonly machine: Sender | Receiver;
  readonly peer: Peer;
  /** Whether an OACK was sent. */
  readonly options: boolean;
  readonly error: TftpError | undefined;
  /** The client began something else from the same port. */
  readonly replaced: boolean;
  readonly requestRepeats: number;
  readonly toAskedPort: number;
  readonly samePort: boolean;
  /** The request was a broadcast. */
  readonly broadcast: boolean;
}

export interface End {
  readonly ending: Ending;
  readonly diagnosis: Diagnosis | undefined;
}

export function endOf(seen: Seen): End {
  const { request, machine, peer, error } = seen;
  const ending = endingOf(seen);
  const diagnosis = diagnose({
    op: request.op,
    ending,
    error,
    answered: machine.answered,
    options: seen.options,
    blksize: machine.agreed.blksize,
    blocks: blocksOf(machine),
    requestRepeats: seen.requestRepeats,
    toAskedPort: seen.toAskedPort,
    samePort: seen.samePort,
    client: peer.address,
    stranger: peer.stranger,
  });
  return { ending, diagnosis };
}

function endingOf(seen: Seen): Ending {
  const { request, machine, options, error, replaced } = seen;
  if (!error) return "completed";
  if (replaced) return "replaced";
  if (isElsewhere(seen, error)) return "elsewhere";
  if (error.origin === "remote") {
    const probe = options && !machine.answered && request.options.has("tsize");
    return probe && (error.wireCode === 0 || error.wireCode === 8) ? "probe" : "aborted";
  }
  const allSent = "allSent" in machine && machine.allSent && machine.answered;
  return error.code === "TIMED_OUT" && allSent ? "unconfirmed" : "failed";
}

/** Of the servers that answer a broadcast a client takes one, and turns the others away or says
 * nothing to them. */
function isElsewhere({ broadcast, machine }: Seen, { code, origin, wireCode }: TftpError): boolean {
  if (!broadcast || blocksOf(machine) > 0) return false;
  return code === "TIMED_OUT" || (origin === "remote" && wireCode === 5);
}

/** Those that the client has acknowledged, or sent in order. */
function blocksOf(machine: Sender | Receiver): number {
  return "acked" in machine ? machine.acked : machine.received;
}
