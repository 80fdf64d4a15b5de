// Requests that got no answer, by a rule or at a limit: their clients see a server that is not
// there. Bounded; it knows no pages.

import type { ServerEvent } from "../server/events.ts";
import { type Op, opOf } from "./op.ts";

export interface UnansweredRequest {
  readonly op: Op;
  /** The last one, where a limit is the reason. */
  readonly filename: string;
  readonly client: string;
  readonly why: string | null;
  readonly count: number;
  readonly lastAt: number;
}

const requestsMax = 200;

export class Unanswered {
  readonly #requests = new Map<string, UnansweredRequest>();
  #count = 0;

  /** Of all, also of those that are forgotten. */
  get count(): number {
    return this.#count;
  }

  /** The newest first. */
  get requests(): UnansweredRequest[] {
    return [...this.#requests.values()].reverse();
  }

  add(event: Extract<ServerEvent, { kind: "ignored" }>, lastAt: number): void {
    const { request, error, reason } = event;
    const { filename, client } = request;
    this.#count += 1;
    const op = opOf(request);
    // A flood has many names, and they say nothing where a limit is the reason.
    const key = error ? client.host : `${client.host} ${op} ${filename}`;
    const count = (this.#requests.get(key)?.count ?? 0) + 1;
    const why = reason ?? error?.message ?? null;
    this.#requests.delete(key);
    this.#requests.set(key, { op, filename, client: client.host, why, count, lastAt });
    if (this.#requests.size <= requestsMax) return;
    const [oldest] = this.#requests.keys();
    this.#requests.delete(oldest as string);
  }
}
