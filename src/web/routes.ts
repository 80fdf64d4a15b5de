// What the page can ask for, and what it gets. Reading changes nothing; the only thing that can be
// changed is the folder, where uploads are allowed.

import { randomUUID } from "node:crypto";
import { TftpError } from "../core/errors.ts";
import { captureName } from "../observe/capture-files.ts";
import { endedEntry, type HistoryEntry } from "../observe/history.ts";
import { nearNames } from "../observe/near-names.ts";
import type { Observer } from "../observe/observer.ts";
import type { Totals } from "../observe/totals.ts";
import type { Address } from "../ports.ts";
import type { TransferInfo } from "../server/events.ts";
import { answerJson, answerPieces, answerText } from "./answer.ts";
import { type PageUpload, readFile, type Shelf, writeFile } from "./files.ts";
import { missingMax, unansweredMax } from "./joining.ts";
import { fileNames, listFolder } from "./listing.ts";
import { Live } from "./live.ts";
import type { Missing, Standing, State, Unanswered } from "./messages.ts";
import { packetTable } from "./packet-table.ts";
import { pageFile } from "./page-files.ts";
import { named, type Page, pageOf, type Route, type Visit } from "./visit.ts";

/** The TFTP server, as far as it is looked at. */
export interface Watched {
  snapshot(): readonly TransferInfo[];
  readonly addresses: readonly Address[];
}

/** What there is to show of one server. */
export interface SiteOptions {
  readonly watched: Watched;
  readonly totals: Totals;
  readonly observer: Observer;
  /** What the page shows of files. */
  readonly shelf: Shelf;
  /** Is told of each upload through the page, and of each attempt. */
  readonly onUpload: (upload: PageUpload) => void;
  readonly version: string;
}

/** What every route is given. */
interface Site extends SiteOptions {
  readonly live: Live;
  readonly instance: string;
}

/** The page of the server in this process. */
export function sitePage(options: SiteOptions): Page {
  const { watched } = options;
  const standing = () => standingOf(options);
  const live = new Live({ ...options, snapshot: () => watched.snapshot(), standing });
  const site = { ...options, live, instance: randomUUID() };
  return pageOf({ site, routeFor, close: () => live.close() });
}

function standingOf({ watched, shelf }: SiteOptions): Standing {
  return { addresses: watched.addresses, uploads: shelf.offer().uploads };
}

function routeFor(method: string, path: string): Route<Site> | undefined {
  if (method === "PUT") return path.startsWith("/files/") ? upload : undefined;
  if (method !== "GET" && method !== "HEAD") return undefined;
  if (path.startsWith("/files/")) return download;
  const [, api, name, , kind] = path.split("/");
  if (api !== "api") return staticFile;
  if (name === "transfers") return ofTransfer(kind);
  return routes(name);
}

const routes = named<Site>({
  state: ({ response, site }) => {
    const { live, observer, version, instance } = site;
    const state: State = {
      instance,
      version,
      ...standingOf(site),
      history: observer.history.entries,
      samples: live.samples,
      ...live.running(),
    };
    answerJson(response, state);
  },
  events: (visit) => visit.site.live.join(visit),
  missing: async ({ response, site, client }) => {
    const { missing } = site.observer.history;
    const names = missing.length > 0 ? await fileNames(site.shelf, client) : [];
    const shown = missing.slice(0, missingMax);
    const told: Missing[] = shown.map((each) => {
      return { ...each, near: nearNames(each.filename, names) };
    });
    answerJson(response, told);
  },
  unanswered: ({ response, site }) => {
    const told: Unanswered[] = site.observer.unanswered.requests.slice(0, unansweredMax);
    answerJson(response, told);
  },
  files: async ({ response, site, client, query }) => {
    answerJson(response, await listFolder(site.shelf, query.get("path") ?? "", client));
  },
});

const ofTransfer = named<Site>({
  "": ({ response, site, path }) => answerJson(response, entryOf(site, path)),
  packets: ({ response, site, path }) => {
    const record = site.observer.record(path.split("/")[3] ?? "");
    if (!record) throw gone();
    response.writeHead(200, { "content-type": "application/octet-stream" });
    response.end(packetTable(record));
  },
  "capture.pcapng": async ({ response, site, path }) => {
    const entry = entryOf(site, path);
    const capture = site.observer.capture(entry);
    if (!capture) throw gone();
    await answerPieces(response, capture, `${captureName(entry)}.pcapng`);
  },
  "timeline.json": async ({ response, site, path }) => {
    const entry = entryOf(site, path);
    const timeline = site.observer.timeline(entry);
    if (!timeline) throw gone();
    await answerPieces(response, timeline, `${captureName(entry)}.json`, "application/json");
  },
});

/** A transfer that still runs has no entry; what is known of it so far is made one. */
function entryOf(site: Site, path: string): HistoryEntry {
  const id = path.split("/")[3] ?? "";
  const ended = site.observer.history.entry(id);
  if (ended) return ended;
  const running = site.watched.snapshot().find((transfer) => site.observer.idOf(transfer) === id);
  if (!running) throw gone();
  const now = Date.now();
  const event = { kind: "ended", ending: "completed", transfer: running } as const;
  const why = site.observer.warningOf(running) ?? null;
  return { ...endedEntry(event, id, now), outcome: "running", why };
}

export function staticFile({ response, path }: Pick<Visit<unknown>, "response" | "path">): void {
  const file = pageFile(path);
  if (!file) throw new TftpError("FILE_NOT_FOUND", "there is nothing here");
  response.writeHead(200, { "content-type": file.type });
  response.end(file.content);
}

const download: Route<Site> = async ({ response, client, site, path }) => {
  const name = nameOf(path);
  const pieces = readFile(site.shelf, name, client);
  try {
    // What cannot be opened is told by the status, so the first piece comes before it.
    const first = await pieces.next();
    await answerPieces(response, first.done ? [] : follow(first.value, pieces), lastPart(name));
  } finally {
    await pieces.return(); // a visitor who has left meanwhile takes nothing, and so ends nothing
  }
};

const upload: Route<Site> = async ({ request, response, client, site, path }) => {
  const name = nameOf(path);
  const length = request.headers["content-length"];
  const done = await writeFile(site.shelf, {
    name,
    client,
    size: length === undefined ? undefined : Number(length),
    content: request.content.iterator({ destroyOnReturn: false }),
  });
  site.onUpload(done);
  if (done.error) {
    request.content.resume(); // who sends it may hear the answer only when all is sent
    throw done.error;
  }
  answerText(response, 201, "Stored.\n");
};

async function* follow(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

/** Throws TftpError for what no URL can mean. */
function nameOf(path: string): string {
  try {
    return decodeURIComponent(path.slice("/files/".length));
  } catch {
    throw new TftpError("INVALID_ARGUMENT", "the name is not encoded as a URL's path is");
  }
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function gone(): TftpError {
  return new TftpError("FILE_NOT_FOUND", "its packets are no longer kept");
}
