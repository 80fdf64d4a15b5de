// From a request to a verdict. Every request gets one, also where the judge fails.

import { TftpError } from "../core/errors.ts";
import type { RequestInfo } from "../ports.ts";
import type { ServerParts } from "./server-parts.ts";

export type JudgedRequest = RequestInfo & {
  readonly op: "rrq" | "wrq";
  readonly filename: string;
};

export type Verdict =
  /** Served, under another name if `filename` is given. */
  | { readonly kind: "allow"; readonly filename?: string }
  /** Answered with one ERROR packet. */
  | { readonly kind: "refuse"; readonly error: TftpError }
  /** Not answered at all; `reason` is for who watches. */
  | { readonly kind: "ignore"; readonly reason?: string };

/** Answers at once: a promise is no verdict, and what is none refuses the request. */
export type Judge = (request: JudgedRequest) => Verdict;

export const allowAll: Judge = () => ({ kind: "allow" });

const nameTooLong: Verdict = {
  kind: "refuse",
  error: new TftpError("FILE_NOT_FOUND", "the name is too long"),
};

/** The judge is not ours: where it fails, the request fails and the server goes on. */
export function verdictOf(
  request: JudgedRequest,
  { judge, limits, onEvent }: Pick<ServerParts, "judge" | "limits" | "onEvent">,
): Verdict {
  if (request.filename.length > limits.nameLengthMax) return nameTooLong;
  try {
    return checked(judge(request));
  } catch (thrown) {
    const error = TftpError.from(thrown, "the request cannot be judged");
    if (error !== thrown) onEvent({ kind: "problem", error });
    return { kind: "refuse", error };
  }
}

/** A judge need not be typed: only what is one of the three may let anybody in. */
function checked(verdict: Verdict | undefined): Verdict {
  if (verdict && isVerdict(verdict)) return verdict;
  // Nobody waits for a promise, so nobody else hears how it fails.
  Promise.resolve(verdict).catch(() => {});
  throw new TypeError("the judge returned no verdict: allow, refuse with a TftpError, or ignore");
}

function isVerdict(verdict: Verdict): boolean {
  if (verdict.kind === "refuse") return verdict.error instanceof TftpError;
  if (verdict.kind === "ignore") return true;
  const { filename } = verdict;
  return verdict.kind === "allow" && (filename === undefined || typeof filename === "string");
}
