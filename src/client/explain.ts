// What a failed transfer means for the person who asked for it, and what to do next.

import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import type { Target } from "./tftp-url.ts";

export interface Circumstances {
  readonly target: Target;
  /** Who answered instead. */
  readonly stranger: Address | undefined;
  /** It was not asked without options, nor will it be. */
  readonly optionsOnly: boolean;
}

/** The same error with the server's name in it and a hint. */
export function explain(error: TftpError, around: Circumstances): TftpError {
  const { code, origin, wireCode, cause } = error;
  const message = sentence(error, around.target);
  const hint = error.hint ?? hintFor(error, around);
  const options = { origin, wireCode, ...(cause === undefined ? {} : { cause }) };
  return new TftpError(code, message, { ...options, ...(hint ? { hint } : {}) });
}

function sentence(error: TftpError, { host, port, filename }: Target): string {
  const server = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (error.origin === "remote") {
    const words = printable(error.message);
    return `${server} answered "${words}" (ERROR ${error.wireCode}) for ${filename}`;
  }
  if (error.code === "TOO_LARGE") return `${server}: ${filename} has ${error.message}`;
  if (error.code === "TIMED_OUT") return `${server}: ${error.message}`;
  if (error.code === "NETWORK") return `${server} cannot be reached`;
  return error.message;
}

function hintFor(error: TftpError, { target, stranger, optionsOnly }: Circumstances): string {
  const remote = error.origin === "remote";
  if (!optionsOnly && perhapsOptions.has(error.code)) return remote ? logHint : brokenHint;
  if (remote) return remoteHints[error.wireCode] ?? logHint;
  if ((error.cause as { readonly code?: string } | undefined)?.code === "EPERM") {
    return "This machine's own firewall does not let the request out.";
  }
  if (error.code !== "TIMED_OUT") return localHints[error.code] ?? "";
  if (stranger) {
    return `Something answered from ${stranger.host} instead: if that is the server, ask it there.`;
  }
  return error.message === "no answer"
    ? `Check that a TFTP server listens on UDP port ${target.port} there, and that firewalls let ` +
        "its answers through: they come from another port than the one that was asked."
    : "The way to the server broke off, or it was stopped; try again.";
}

const remoteHints: { readonly [wireCode: number]: string } = {
  1: "Check the name: it is relative to the server's folder, and case counts.",
  2:
    "Its rules or the file's permissions forbid this, and many servers take no uploads unless " +
    "told to.",
  3: "Make room on the server, or raise its limit for uploads.",
  6: "The server does not replace files; choose another name, or allow it there.",
  8: "Try --no-options, which asks for nothing but the file.",
};

const perhapsOptions: ReadonlySet<string> = new Set(["OPTIONS_REFUSED", "ILLEGAL_OPERATION"]);
const logHint = "The server's log may say more.";
const brokenHint = "The server breaks the protocol; its log may say more.";

const localHints: { readonly [code: string]: string } = {
  OPTIONS_REFUSED: "The server's answer breaks RFC 2347; try --no-options.",
  ILLEGAL_OPERATION: "The server breaks the protocol; try --no-options.",
  NETWORK: "Check the address and this machine's own network.",
  TOO_LARGE: "Raise the limit (--bytes-max) if the file may be that large.",
};

/** A server's text may hold anything: a terminal must not obey it, and a screen hold it. */
function printable(text: string): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return shown.length > textMax ? `${shown.slice(0, textMax)}…` : shown;
}

const textMax = 300;
