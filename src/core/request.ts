// From a request to a machine with its opening: the four roles in which DATA is sent or received.

import type { Setup } from "./machine.ts";
import type { Agreed } from "./options.ts";
import { encode, encodeAck, type Mode, type Options, type Request } from "./packet.ts";
import { Receiver } from "./receiver.ts";
import type { Patience } from "./retransmission.ts";
import { Sender } from "./sender.ts";

/** A client's own request, before anybody has answered. */
export interface Asking {
  readonly filename: string;
  readonly mode: Mode;
  readonly asked: Options;
  readonly agreed: Agreed;
}

/** How a server deals with one kind of client. */
export type Manners = Patience & Pick<Setup, "errorCodes">;

/** A server that answers an RRQ: OACK, or DATA 1 at once where no option was understood. */
export function serveRead(answer: Options, agreed: Agreed, manners: Manners): Sender {
  return new Sender(setupOf(manners, { agreed, opening: oackOf(answer) }));
}

/** A server that answers a WRQ: OACK, or ACK 0. */
export function serveWrite(answer: Options, agreed: Agreed, manners: Manners): Receiver {
  const opening = oackOf(answer) ?? encodeAck(0);
  return new Receiver(setupOf(manners, { agreed, opening }));
}

/** The same answer, to whomever it goes, is encoded once. */
const oacks = new WeakMap<Options, Uint8Array>();

function oackOf(answer: Options): Uint8Array | undefined {
  if (answer.size === 0) return undefined;
  let oack = oacks.get(answer);
  if (!oack) {
    oack = encode({ op: "oack", options: answer });
    oacks.set(answer, oack);
  }
  return oack;
}

/** A client that fetches a file. */
export function askRead(asking: Asking, patience: Patience): Receiver {
  return new Receiver(clientSetup("rrq", asking, patience));
}

/** A client that brings a file. */
export function askWrite(asking: Asking, patience: Patience): Sender {
  return new Sender(clientSetup("wrq", asking, patience));
}

function clientSetup(
  op: "rrq" | "wrq",
  asking: Asking,
  patience: Patience,
): Setup & { readonly opening: Uint8Array } {
  const { filename, mode, asked, agreed } = asking;
  const opening = encode({ op, filename, mode, options: asked });
  return setupOf(patience, { agreed, asked, opening });
}

/** Nothing is spread here, as nowhere where it would be done for each request: to read what was
 * spread is slow ever after. */
function setupOf<O extends Uint8Array | undefined>(
  { timeoutMillis, attempts, openingAttempts, jitter, unprovenMax, errorCodes }: Manners,
  { agreed, asked, opening }: { agreed: Agreed; asked?: Options; opening: O },
): Setup & { readonly opening: O } {
  return {
    timeoutMillis,
    attempts,
    openingAttempts,
    jitter,
    unprovenMax,
    errorCodes,
    agreed,
    asked,
    opening,
  };
}

/** To the letter, options too. */
export function isEqual(request: Request, other: Request): boolean {
  if (request === other) return true;
  const { op, filename, mode, options } = request;
  if (op !== other.op || filename !== other.filename || mode !== other.mode) return false;
  const others = [...other.options.values()];
  return (
    options.size === others.length &&
    [...options.values()].every(({ name, value }, at) => {
      return name === others[at]?.name && value === others[at]?.value;
    })
  );
}
