// The page of several servers on one port, as if they were one: each is asked for its share, and
// whoever has a transfer for that. It must not know how they are run.

import { randomUUID } from "node:crypto";
import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import { answerJson } from "./answer.ts";
import { JoinedLive } from "./joined-live.ts";
import { joinMissing, joinStates, joinUnanswered } from "./joining.ts";
import type { Missing, State, Unanswered } from "./messages.ts";
import type { Colleague } from "./passage.ts";
import { staticFile } from "./routes.ts";
import { named, type Page, pageOf, type Route } from "./visit.ts";

/** Those that answer, by what stands before the dot of their ids. */
export type Colleagues = () => ReadonlyMap<string, Colleague>;

interface Site {
  readonly colleagues: Colleagues;
  readonly live: JoinedLive;
  /** No number of a worker is given again while this process runs, so it stands for all. */
  readonly instance: string;
}

export function joinedPage(colleagues: Colleagues): Page {
  const live = new JoinedLive(colleagues);
  const site = { colleagues, live, instance: randomUUID() };
  return pageOf({ site, routeFor, close: () => live.close() });
}

function routeFor(method: string, path: string): Route<Site> | undefined {
  if (path.startsWith("/files/")) return ofAny;
  if (method !== "GET" && method !== "HEAD") return undefined;
  const [, api, name] = path.split("/");
  return api === "api" ? routes(name) : staticFile;
}

/** They serve the same files. */
const ofAny: Route<Site> = async (visit) => {
  const [any] = visit.site.colleagues().values();
  if (!any) throw nobody();
  await any.forward(visit);
};

const routes = named<Site>({
  state: async ({ response, site, client }) => {
    const states = await ofAll<State>(site, "/api/state", client);
    if (states.length === 0) throw nobody();
    answerJson(response, { ...joinStates(states), instance: site.instance });
  },
  events: (visit) => visit.site.live.join(visit),
  missing: async ({ response, site, client }) => {
    const all = await ofAll<readonly Missing[]>(site, "/api/missing", client);
    answerJson(response, joinMissing(all));
  },
  unanswered: async ({ response, site, client }) => {
    const all = await ofAll<readonly Unanswered[]>(site, "/api/unanswered", client);
    answerJson(response, joinUnanswered(all));
  },
  files: ofAny,
  transfers: async (visit) => {
    const [number = ""] = (visit.path.split("/")[3] ?? "").split(".");
    const colleague = visit.site.colleagues().get(number);
    if (!colleague) throw new TftpError("FILE_NOT_FOUND", "the worker that knew it has ended");
    await colleague.forward(visit);
  },
});

async function ofAll<T>({ colleagues }: Site, path: string, client: Address): Promise<T[]> {
  const asked = [...colleagues().values()].map((each) => each.json<T>(path, client));
  const all = await Promise.all(asked);
  return all.filter((answer) => answer !== undefined) as T[];
}

function nobody(): TftpError {
  return new TftpError("BUSY", "no worker answers yet; try again in a moment");
}
