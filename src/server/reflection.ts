// What may go to a source that has only claimed its address: so little that nobody gains by making
// us answer somebody else. Pure; knows no sockets and no time.

import type { Agreed } from "../core/options.ts";
import { rfc1350 } from "../core/options.ts";
import type { Packet, Request } from "../core/packet.ts";
import { encode, type Options, oackLength, requestLength } from "../core/packet.ts";

/** How many bytes may answer one byte of a request: DATA as RFC 1350 wants it cannot be small. */
const factorOfData = 80;
const factorOfOthers = 3;
const copiesMax = 3;

const headerBytes = 4;
/** What fits an Ethernet packet: more is more than one packet on the wire. */
const smallBlockBytes = 1468;

/** How often the first answer goes to a client that has not answered it; the same again for each
 * repeated request. At least once, and at most three times. */
export function copiesToUnproven(request: Request, answer: Options): number {
  const isData = answer.size === 0 && request.op === "rrq";
  const answerBytes = isData ? headerBytes + rfc1350.blksize : oackLength(answer);
  const granted = requestLength(request) * (isData ? factorOfData : factorOfOthers);
  return Math.max(1, Math.min(copiesMax, Math.floor(granted / answerBytes)));
}

/** The words of an ERROR, as many as a request of this length is worth. */
export function fittingMessage(message: string, request: Request): string {
  const factor = request.options.size === 0 ? factorOfData : factorOfOthers;
  const granted = requestLength(request) * factor;
  let text = message.slice(0, granted);
  while (errorBytes(text) > granted) text = text.slice(0, -1);
  return text;
}

function errorBytes(message: string): number {
  return encode({ op: "error", code: 0, message }).length;
}

/** Whether a packet is heard that came to the listening port. Some firmware answers an OACK there;
 * but everybody knows that port, so whoever claims an address could acknowledge, write or end a
 * file in its name. One small block is all that such an ACK can fetch; DATA has to come to the port
 * of the transfer, which only the true client knows. */
export function isHeard(packet: Packet, transfer: Unproven): boolean {
  if (packet.op === "error") return !transfer.proven;
  const { blksize, windowsize } = transfer.agreed;
  const answersOack = packet.op === "ack" && packet.block === 0 && !transfer.answered;
  return answersOack && windowsize === 1 && blksize <= smallBlockBytes;
}

interface Unproven {
  readonly proven: boolean;
  readonly answered: boolean;
  readonly agreed: Agreed;
}
