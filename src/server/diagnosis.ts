// From what was seen of a transfer to the likely cause of its failure, and what to do. Pure: it
// knows facts and no packets. What went well has no cause.

import type { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import type { Ending } from "./events.ts";

/** - `no-answer`: nothing came back after our first packet;
 * - `client-repeats`: the client asks again and again, so our answers do not reach it;
 * - `large-packets-lost`: it answers small packets only;
 * - `other-address`: packets came from another address or port than the request;
 * - `asked-port`: it goes on sending to the port that it asked;
 * - `size-probe`: it ended the transfer once it knew the size;
 * - `block-65535`: the transfer stopped, or may stop, where 16 bits of block number end;
 * - `similar-name`: there is a file whose name differs only by case or folder. */
export type Cause =
  | "no-answer"
  | "client-repeats"
  | "large-packets-lost"
  | "other-address"
  | "asked-port"
  | "size-probe"
  | "block-65535"
  | "similar-name";

export interface Diagnosis {
  readonly cause: Cause;
  /** What to do, in a sentence or two. */
  readonly advice: string;
}

/** What was seen of a transfer that has ended. */
export interface Facts {
  readonly op: "rrq" | "wrq";
  readonly ending: Ending;
  readonly error?: TftpError | undefined;
  /** The client has answered our first packet. */
  readonly answered: boolean;
  /** An OACK was our first packet. */
  readonly options: boolean;
  readonly blksize: number;
  /** Blocks that the client has acknowledged, or sent in order. */
  readonly blocks: number;
  /** The client's request came again, so many times. */
  readonly requestRepeats: number;
  /** Its packets to the port that it asked instead of the transfer's own. */
  readonly toAskedPort: number;
  /** The port that it asked is the transfer's own. */
  readonly samePort: boolean;
  readonly client: Address;
  /** The last other address that sent to this transfer. */
  readonly stranger?: Address | undefined;
}

/** Another server that was quicker is no fault of anybody's. */
const unremarkable: ReadonlySet<Ending> = new Set<Ending>([
  "completed",
  "unconfirmed",
  "replaced",
  "elsewhere",
]);

export function diagnose(facts: Facts): Diagnosis | undefined {
  const { ending } = facts;
  if (ending === "probe") return verdict("size-probe", probeAdvice);
  if (unremarkable.has(ending)) return undefined;
  const silent = facts.error?.origin === "local" && facts.error.code === "TIMED_OUT";
  if (stoppedAt65535(facts) && (silent || ending === "aborted")) {
    return verdict("block-65535", rolloverAdvice);
  }
  return silent ? silence(facts) : undefined;
}

/** The client is not heard any more, or never was. */
function silence(facts: Facts): Diagnosis | undefined {
  const { client, stranger, answered, blocks, samePort } = facts;
  if (stranger && (stranger.host !== client.host || !answered)) {
    const advice = `Packets came from ${stranger.host} port ${stranger.port}, which did not ask.`;
    return verdict("other-address", `${advice} ${addressAdvice}`);
  }
  if (facts.toAskedPort > 0) return verdict("asked-port", portAdvice);
  if (!answered) {
    const elsewhere = facts.requestRepeats > 0 ? repeatAdvice : firewallAdvice;
    const advice = samePort ? wayBackAdvice : elsewhere;
    return verdict(facts.requestRepeats > 0 ? "client-repeats" : "no-answer", advice);
  }
  const opened = facts.op === "rrq" && facts.options && blocks === 0;
  if (opened && facts.blksize > smallBytes) {
    const advice = `Blocks of ${facts.blksize} bytes do not arrive: fragments or a small MTU.`;
    return verdict("large-packets-lost", `${advice} Lower --blksize-max.`);
  }
  return undefined;
}

/** A file whose number of blocks goes beyond what the client may be able to count. */
export function foresee(size: number | undefined, blksize: number): Diagnosis | undefined {
  if (size === undefined || size < blksize * lastPlainBlock) return undefined;
  const blocks = Math.floor(size / blksize) + 1;
  const advice = `The file takes ${blocks} blocks of ${blksize} bytes; some clients stop at 65535.`;
  return verdict("block-65535", `${advice} Larger blocks (blksize) help.`);
}

/** The storage knows a name that may have been meant. */
export function diagnoseMissing(error: TftpError): Diagnosis | undefined {
  if (error.code !== "FILE_NOT_FOUND" || error.hint === undefined) return undefined;
  return verdict("similar-name", error.hint);
}

/** Of an upload also where block 65535 itself has not come. */
function stoppedAt65535({ op, blocks }: Facts): boolean {
  return blocks === lastPlainBlock || (op === "wrq" && blocks === lastPlainBlock - 1);
}

function verdict(cause: Cause, advice: string): Diagnosis {
  return { cause, advice };
}

const lastPlainBlock = 0xffff;
/** What every path carries in one piece. */
const smallBytes = 512;

const firewallAdvice =
  "Nothing came back after our first packet: a firewall or NAT may drop what does not come from " +
  "the port that was asked. Try --single-port, or --tid-ports and open those ports.";
const repeatAdvice =
  "The client asks again: our answers do not reach it. Look at firewalls and routes on the way " +
  "back, or try --single-port.";
/** It has what is advised to others. */
const wayBackAdvice =
  "Our answers do not reach the client, though they come from the port that it asked. Look at " +
  "firewalls and routes on the way back, and at the client.";
const addressAdvice =
  "The client has several addresses, or NAT gives each of its packets another one.";
const portAdvice =
  "The client sends to the port that it asked and may not hear another one. Try --single-port.";
const probeAdvice =
  "Nothing to do: the client wanted to know the size and asks again for the content.";
const rolloverAdvice =
  "The client cannot count past block 65535. Larger blocks (blksize) help; if it expects block 1 " +
  "to follow, --rollover 1 does.";
