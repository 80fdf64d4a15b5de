// Why a request or transfer did not succeed, in plain words, and what to do about it.

import type { TftpError, TftpErrorCode } from "../core/errors.ts";

export interface Reason {
  readonly why: string;
  readonly remedy: string;
}

/** What a diagnosis adds to an event, where there is one. */
interface Diagnosis {
  readonly message?: unknown;
  readonly text?: unknown;
  readonly hint?: unknown;
  readonly remedy?: unknown;
}

/** `cause`: a sentence, or an object with a message and a remedy; it knows more than the error. */
export function reasonOf(error: TftpError | undefined, cause?: unknown): Reason | undefined {
  const { message, text, hint, remedy }: Diagnosis =
    typeof cause === "string" ? { message: cause } : ((cause ?? {}) as Diagnosis);
  const why = textOf(message) ?? textOf(text) ?? (error && sentenceOf(error));
  if (why === undefined) return undefined;
  const known = textOf(remedy) ?? textOf(hint) ?? error?.hint;
  return { why, remedy: known ?? (error ? remedyOf(error) : "") };
}

function sentenceOf({ code, origin, message }: TftpError): string {
  if (origin === "remote") return `The client ended it: “${message}”.`;
  const words = code === "TIMED_OUT" ? "the client stopped answering" : message;
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
  TIMED_OUT:
    "Check its power and cable. If nothing ever arrived: a firewall must let UDP pass both ways, " +
    "for without --single-port the answers come from a port of their own.",
  ILLEGAL_OPERATION: "The client breaks the protocol; look at the packets.",
  NETWORK: "Check this machine's network: the system refused to send.",
  STORAGE: "See the server's log: this machine could not read or write the file.",
  TOO_LARGE: "Raise --upload-bytes-max if uploads may be so large.",
  BUSY: "Raise --transfers-max, or wait: clients ask again.",
  ABORTED: "The server was stopping. Ask again.",
};

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
