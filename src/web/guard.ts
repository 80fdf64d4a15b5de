// Who may use the page: nobody through a name that is not ours (DNS rebinding), nobody without the
// password where one is set, and no other site's page in a visitor's name.

import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Attempts } from "./attempts.ts";

export interface Guarded {
  readonly password: string | undefined;
  /** Names under which the page may be asked for, beside addresses and this machine's name. */
  readonly names?: readonly string[];
  readonly attempts: Attempts;
}

export interface Refusal {
  readonly status: 401 | 403 | 421 | 429;
  readonly message: string;
}

export function refusalFor(request: IncomingMessage, guarded: Guarded): Refusal | undefined {
  if (!isOurName(request.headers.host, guarded.names ?? [])) {
    return { status: 421, message: "This name is not mine; ask by address." };
  }
  if (guarded.password !== undefined) {
    const refusal = passwordRefusal(request, guarded.password, guarded.attempts);
    if (refusal) return refusal;
  }
  if (isForeign(request)) return { status: 403, message: "Asked by another site." };
  return isOwnChange(request) ? undefined : { status: 403, message: unmarked };
}

/** A page of an attacker can only name us by a name that leads to us: never by an address. */
function isOurName(host: string | undefined, names: readonly string[]): boolean {
  const name = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(host ?? "");
  // The dot at its end is the root of all names.
  const bare = (name?.[1] ?? name?.[2] ?? "").toLowerCase().replace(/\.$/, "");
  const ours = ["localhost", hostname().toLowerCase(), ...names];
  return isIP(bare) !== 0 || ours.includes(bare);
}

function passwordRefusal(
  { headers, socket }: IncomingMessage,
  password: string,
  attempts: Attempts,
): Refusal | undefined {
  const given = secretOf(headers.authorization);
  if (given === undefined) return { status: 401, message: "A password is needed." };
  const host = socket.remoteAddress ?? "";
  if (!attempts.mayTry(host)) {
    return { status: 429, message: "Too many wrong passwords; wait a minute." };
  }
  const isRight = isSame(given, password);
  attempts.count(host, isRight);
  return isRight ? undefined : { status: 401, message: "The password is wrong." };
}

/** Of `Basic`, under any user name, or of `Bearer`. */
function secretOf(authorization: string | undefined): string | undefined {
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)$/.exec(authorization ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return undefined;
  const text = Buffer.from(value, "base64").toString();
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : text.slice(colon + 1);
}

/** Digests are of one length, so neither length nor content shows in the time. */
function isSame(given: string, password: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(password));
}

/** Browsers say where a request comes from. */
function isForeign({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`;
}

const unmarked =
  'What changes something needs the header "X-Tidewire: 1", which no other site can send.';

/** What changes something must come from our own page, or from a program. */
function isOwnChange({ headers, method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD" || headers["x-tidewire"] !== undefined;
}
