// A question of a browser, from its arrival to its answer. It must not know what can be asked.

import type { IncomingHttpHeaders } from "node:http";
import type { Readable, Writable } from "node:stream";
import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import { answerText } from "./answer.ts";

/** In HTTP/1.1 or HTTP/2. */
export interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Fails where the sender did not come to its end. */
  readonly content: Readable;
}

export type Response = Writable & {
  readonly headersSent: boolean;
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
};

export interface Visit<Site> {
  readonly request: Request;
  readonly response: Response;
  /** Who asks. */
  readonly client: Address;
  readonly site: Site;
  readonly path: string;
  readonly query: URLSearchParams;
}

export type Route<Site> = (visit: Visit<Site>) => Promise<void> | void;

/** Routes by their names. A name is the visitor's, and no member of an object. */
export function named<Site>(
  routes: Readonly<Record<string, Route<Site>>>,
): (name: string | undefined) => Route<Site> | undefined {
  const known = new Map(Object.entries(routes));
  return (name = "") => known.get(name);
}

/** What stands behind the page's address. */
export interface Page {
  /** Throws nothing. */
  answer(request: Request, response: Response, client: Address): Promise<void>;
  /** Resolves when what is being answered now has come to its end. */
  settled(): Promise<void>;
  close(): void;
}

export interface Plan<Site> {
  readonly site: Site;
  readonly routeFor: (method: string, path: string) => Route<Site> | undefined;
  readonly close: () => void;
}

export function pageOf<Site>({ site, routeFor, close }: Plan<Site>): Page {
  const running = new Set<Promise<void>>();
  const answer: Page["answer"] = async (request, response, client) => {
    try {
      const { pathname: path, searchParams: query } = urlOf(request);
      const route = routeFor(request.method, path);
      if (route) await route({ request, response, client, site, path, query });
      else answerText(response, 404, "There is nothing here.\n");
    } catch (thrown) {
      const error = TftpError.from(thrown);
      if (response.headersSent) response.destroy();
      else answerText(response, statusOf(error), `${error.message}\n`);
    }
  };
  return {
    answer: async (...asked) => {
      const answered = answer(...asked);
      running.add(answered);
      await answered;
      running.delete(answered);
    },
    settled: async () => void (await Promise.all(running)),
    close,
  };
}

/** Throws TftpError for what is no URL. */
function urlOf({ url }: Request): URL {
  try {
    return new URL(url, "http://page");
  } catch {
    throw new TftpError("INVALID_ARGUMENT", "this is not a URL");
  }
}

function statusOf({ code }: TftpError): number {
  if (code === "FILE_NOT_FOUND") return 404;
  if (code === "ACCESS_VIOLATION") return 403;
  if (code === "FILE_EXISTS") return 409;
  if (code === "TOO_LARGE") return 413;
  if (code === "BUSY") return 503;
  return code === "INVALID_ARGUMENT" ? 400 : 500;
}
