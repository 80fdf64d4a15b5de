// What the page can ask for, and what it gets. Reading changes nothing; the only thing that can be
// changed is the folder, where uploads are allowed.

import type { IncomingMessage, ServerResponse } from "node:http";
import { TftpError } from "../core/errors.ts";
import { captureName } from "../observe/capture-files.ts";
import { endedEntry, type HistoryEntry } from "../observe/history.ts";
import { nearNames } from "../observe/near-names.ts";
import { answerJson, answerPieces, answerText } from "./answer.ts";
import { fileNames, listFolder, readFile, type Shelf, writeFile } from "./files.ts";
import type { Missing, State } from "./messages.ts";
import { packetTable } from "./packet-table.ts";
import { pageFile } from "./page-files.ts";
import type { Site } from "./web-server.ts";

interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly site: Site;
  readonly path: string;
  readonly query: URLSearchParams;
}
type Route = (visit: Visit) => Promise<void> | void;

export function routeFor(method: string, path: string): Route | undefined {
  if (method === "PUT") return path.startsWith("/files/") ? upload : undefined;
  if (method !== "GET" && method !== "HEAD") return undefined;
  if (path.startsWith("/files/")) return download;
  const [, api, name, , kind] = path.split("/");
  if (api !== "api") return staticFile;
  if (name === "transfers") return ofTransfer[kind ?? ""];
  return routes[name ?? ""];
}

const routes: Readonly<Record<string, Route>> = {
  state: ({ response, site }) => {
    const { watched, live, observer, uploads, version, shelf } = site;
    const state: State = {
      version,
      addresses: watched.addresses,
      uploads,
      files: shelf !== undefined,
      history: observer.history.entries,
      samples: live.samples,
      ...live.running(),
    };
    answerJson(response, state);
  },
  events: ({ response, site }) => {
    if (!site.live.join(response)) answerText(response, 503, "Too many pages are open.\n");
  },
  missing: async ({ response, site }) => {
    const { missing } = site.observer.history;
    const names = site.shelf && missing.length > 0 ? await fileNames(site.shelf) : [];
    const shown = missing.slice(0, 50);
    const told: Missing[] = shown.map((each) => {
      return { ...each, near: nearNames(each.filename, names) };
    });
    answerJson(response, told);
  },
  files: async ({ response, site, query }) => {
    answerJson(response, await listFolder(shelfOf(site), query.get("path") ?? ""));
  },
};

const ofTransfer: Readonly<Record<string, Route>> = {
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
};

/** A transfer that still runs has no entry; what is known of it so far is made one. */
function entryOf(site: Site, path: string): HistoryEntry {
  const id = path.split("/")[3] ?? "";
  const ended = site.observer.history.entry(id);
  if (ended) return ended;
  const running = site.watched.snapshot().find((transfer) => String(transfer.id) === id);
  if (!running) throw gone();
  const now = Date.now();
  const event = { kind: "ended", ending: "completed", transfer: running } as const;
  return { ...endedEntry(event, id, now), outcome: "running" };
}

const staticFile: Route = async ({ response, path }) => {
  const file = pageFile(path);
  if (!file) return answerText(response, 404, "There is nothing here.\n");
  response.writeHead(200, { "content-type": file.type });
  response.end(file.content);
};

const download: Route = async ({ request, response, site, path }) => {
  const name = nameOf(path);
  const pieces = readFile(shelfOf(site), name, clientOf(request));
  // What cannot be opened is told by the status, so the first piece comes before it.
  const first = await pieces.next();
  await answerPieces(response, first.done ? [] : follow(first.value, pieces), lastPart(name));
};

const upload: Route = async ({ request, response, site, path }) => {
  const [name, client] = [nameOf(path), clientOf(request)];
  const length = request.headers["content-length"];
  if (site.uploads === "off") {
    const error = new TftpError("ACCESS_VIOLATION", "uploads are not allowed");
    site.onUpload?.({ name, client, bytes: 0, error });
    throw error;
  }
  const done = await writeFile(shelfOf(site), {
    name,
    client,
    size: length === undefined ? undefined : Number(length),
    content: request,
    bytesMax: site.uploadBytesMax,
  });
  site.onUpload?.(done);
  if (done.error) throw done.error;
  answerText(response, 201, "Stored.\n");
};

async function* follow(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

function shelfOf({ shelf }: Site): Shelf {
  if (shelf) return shelf;
  throw new TftpError("FILE_NOT_FOUND", "files are not shown here");
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

function clientOf({ socket }: IncomingMessage): { host: string; port: number } {
  return { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
}

function gone(): TftpError {
  return new TftpError("FILE_NOT_FOUND", "its packets are no longer kept");
}
