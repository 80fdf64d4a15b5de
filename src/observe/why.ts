// Why a request or transfer did not succeed, in plain words, and what to do about it.

import type { TftpError, TftpErrorCode } from "../core/errors.ts";
import type { Ended } from "../server/events.ts";

export interface Reason {
  readonly why: string;
  readonly remedy: string;
}

/** A diagnosis knows better than the error what to do. */
export function reasonOf(event: Pick<Ended, "error" | "diagnosis">): Reason | undefined {
  const { error, diagnosis } = event;
  if (!error) return undefined;
  return { why: sentenceOf(error), remedy: diagnosis?.advice ?? error.hint ?? remedyOf(error) };
}

function sentenceOf({ origin, message }: TftpError): string {
  if (origin === "remote") return `The client ended it: “${message}”.`;
  const words = message.replace("the peer", "the client");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

function remedyOf({ code, origin }: TftpError): string {
  if (origin === "remote") {
    return "Look at the client: it has no room, was stopped, or dislikes what it got.";
  }
  return remedies[code] ?? "";
}

const remedies: { readonly [code in TftpErrorCode]?: string } = {
  FILE_NOT_FOUND: "Check the name and its case: it is relative to the folder that is served.",
  ACCESS_VIOLATION: "Check the file's permissions; uploads must be allowed with --uploads.",
  DISK_FULL: "Make room on the disk of this machine.",
  FILE_EXISTS: "Choose another name, or allow replacing with --uploads overwrite.",
  TIMED_OUT: "Check its power, its cable and the way to it: the packets show what was lost.",
  ILLEGAL_OPERATION: "The client breaks the protocol; look at the packets.",
  NETWORK: "Check this machine's network: the system refused to send.",
  STORAGE: "See the server's log: this machine could not read or write the file.",
  TOO_LARGE: "Raise --upload-bytes-max if uploads may be so large.",
  BUSY: "Raise --transfers-max, or wait: clients ask again.",
  ABORTED: "The server was stopping. Ask again.",
};
