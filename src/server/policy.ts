// The pure function from a request to a verdict. Every request gets one.

import type { TftpError } from "../core/errors.ts";
import type { RequestInfo } from "../ports.ts";

export type JudgedRequest = RequestInfo & {
  readonly op: "rrq" | "wrq";
  readonly filename: string;
};

export type Verdict =
  /** Served, under another name if `filename` is given. */
  | { readonly kind: "allow"; readonly filename?: string }
  /** Answered with one ERROR packet. */
  | { readonly kind: "refuse"; readonly error: TftpError }
  /** Not answered at all. */
  | { readonly kind: "ignore" };

export type Judge = (request: JudgedRequest) => Verdict;

export const allowAll: Judge = () => ({ kind: "allow" });
