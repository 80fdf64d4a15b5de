// Who may read or write which names, as a list of rules that becomes a judge. Pure.

import { TftpError } from "../core/errors.ts";
import { type AddressRange, addressBytes, inRange, parseRange } from "./address.ts";
import { type Glob, glob, plainName } from "./glob.ts";
import { allowAll, type Judge, type JudgedRequest, type Verdict } from "./policy.ts";

/** What is left out holds for every request. */
export interface Rule {
  /** `refuse` answers with ERROR 2, `ignore` with nothing. */
  readonly verdict: "allow" | "refuse" | "ignore";
  readonly op?: "read" | "write";
  /** An address, or a network as `192.0.2.0/24` or `2001:db8::/32`. */
  readonly clients?: string;
  /** A pattern: `*` and `?` within a segment of a name, `**` across them. Without a slash it is
   * about the last segment in any folder. With one, `allow` is about the whole name, `refuse` and
   * `ignore` also about the same path within another folder, so that no other way to write a name
   * leads around them. */
  readonly names?: string;
}

/** A judge of these rules: the first that matches decides; what none matches is allowed. A rule may
 * be a line as `parseRule` takes it. Throws TftpError INVALID_ARGUMENT. */
export function rules(list: readonly (Rule | string)[]): Judge {
  const tests = list.map((rule) => compile(typeof rule === "string" ? parseRule(rule) : rule));
  if (tests.length === 0) return allowAll;
  return (request) => {
    const asked = describe(request);
    for (const { matches, verdict } of tests) if (matches(asked)) return verdict;
    return allowed;
  };
}

/** `VERDICT [read|write] [CLIENTS] [NAMES]`, as in `refuse write 10.0.0.0/8 *.cfg`. CLIENTS is an
 * address, a network or `any`. Throws TftpError INVALID_ARGUMENT. */
export function parseRule(text: string): Rule {
  const words = text.trim().split(/\s+/);
  const verdict = words.shift();
  if (verdict !== "allow" && verdict !== "refuse" && verdict !== "ignore") {
    throw wrong(text, "A rule begins with allow, refuse or ignore.");
  }
  const [op] = words;
  const isOp = op === "read" || op === "write";
  if (isOp) words.shift();
  const [clients] = words;
  const isClients = clients !== undefined && looksLikeClients.test(clients);
  if (isClients) words.shift();
  const [names, ...rest] = words;
  if (rest.length > 0) throw wrong(text, form);
  const rule: Rule = {
    verdict,
    ...(isOp ? { op } : {}),
    ...(isClients && clients !== "any" ? { clients } : {}),
    ...(names === undefined ? {} : { names }),
  };
  compile(rule, text);
  return rule;
}

const form = "Write it as VERDICT [read|write] [CLIENTS] [NAMES]: refuse write 10.0.0.0/8 *.cfg.";
/** A name that looks like an address can be given behind `any`. */
const looksLikeClients = /^(?:any|[\d.]+(?:\/\d*)?|[\da-f.]*:[\da-f:.%\w]*(?:\/\d*)?)$/i;

interface Asked {
  readonly op: "read" | "write";
  readonly client: Uint8Array | undefined;
  readonly name: string;
}

interface Test {
  readonly matches: (asked: Asked) => boolean;
  readonly verdict: Verdict;
}

function compile({ verdict, op, clients, names }: Rule, text?: string): Test {
  const given = text ?? [verdict, op, clients, names].filter(Boolean).join(" ");
  const range = clients === undefined ? undefined : parseRange(clients);
  if (clients !== undefined && !range) {
    throw wrong(
      given,
      `${clients} is no address or network such as 192.0.2.0/24 or 2001:db8::/32.`,
    );
  }
  const pattern = names === undefined ? undefined : glob(names);
  return {
    matches: (asked) =>
      (op === undefined || asked.op === op) &&
      (range === undefined || isFrom(asked.client, range)) &&
      (pattern === undefined || isNamed(asked.name, pattern, verdict)),
    // Nobody hears of it, so who watches is told why.
    verdict:
      verdict === "ignore" ? { kind: "ignore", reason: `rule "${given}"` } : verdicts[verdict],
  };
}

function isFrom(client: Uint8Array | undefined, range: AddressRange): boolean {
  return client !== undefined && inRange(client, range);
}

function isNamed(name: string, pattern: Glob, verdict: Rule["verdict"]): boolean {
  return verdict === "allow" ? pattern.matches(name) : pattern.matchesBelow(name);
}

function describe({ op, client, filename }: JudgedRequest): Asked {
  return {
    op: op === "rrq" ? "read" : "write",
    client: addressBytes(client.host),
    name: plainName(filename),
  };
}

const allowed: Verdict = { kind: "allow" };
const verdicts = {
  allow: allowed,
  refuse: { kind: "refuse", error: new TftpError("ACCESS_VIOLATION", "access denied") },
} as const;

function wrong(rule: string, hint: string): TftpError {
  return new TftpError("INVALID_ARGUMENT", `"${rule}" is no rule`, { hint });
}
