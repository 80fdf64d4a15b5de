// HTTP for people and for machines that watch: the page and what it asks for, metrics, health.
// It reads the event stream and the recorder; the TFTP server does not know of it.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TftpError } from "../core/errors.ts";
import type { Observer } from "../observe/observer.ts";
import type { Totals } from "../observe/totals.ts";
import type { Address } from "../ports.ts";
import type { TransferInfo } from "../server/events.ts";
import { answerText, securityHeaders } from "./answer.ts";
import type { PageUpload, Shelf } from "./files.ts";
import { Attempts, refusalFor } from "./guard.ts";
import { Live } from "./live.ts";
import { routeFor } from "./routes.ts";

/** What a scraper is given. */
export interface Exposition {
  /** Its Content-Type. */
  readonly type: string;
  text(): Promise<string>;
}

/** The TFTP server, as far as it is looked at. */
export interface Watched {
  snapshot(): readonly TransferInfo[];
  readonly addresses: readonly Address[];
  /** False while it stops. */
  readonly ready: () => boolean;
}

export interface WebOptions {
  readonly address: WebAddress;
  readonly password: string | undefined;
  /** Further names that the page may be asked for under. */
  readonly names?: readonly string[];
  readonly watched: Watched;
  readonly totals: Totals;
  readonly exposition: Exposition;
  readonly observer: Observer;
  /** What the page may show of files; absent: nothing. */
  readonly shelf: Shelf | undefined;
  readonly uploads: "off" | "create" | "overwrite";
  readonly uploadBytesMax: number;
  /** Is told of each upload through the page, and of each attempt. */
  readonly onUpload?: (upload: PageUpload) => void;
  readonly version: string;
}

/** `fd`: a descriptor that listens there already. */
export interface WebAddress extends Address {
  readonly fd?: number | undefined;
}

export interface Listening {
  readonly address: Address;
  /** Its port may go on in another process. */
  readonly server: Server;
  close(): Promise<void>;
}

/** What every route is given. */
export interface Site extends WebOptions {
  readonly live: Live;
}

/** The page with everything that belongs to it. Throws TftpError NETWORK. */
export async function openWeb(options: WebOptions): Promise<Listening> {
  const { observer, totals, exposition, watched } = options;
  const live = new Live(observer, totals, () => watched.snapshot());
  const site: Site = { ...options, live };
  const guarded = { ...options, attempts: new Attempts() };
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    if (answersWatcher(request, response, options)) return;
    const refusal = refusalFor(request, guarded);
    if (refusal) {
      const { status, message } = refusal;
      if (status === 401) response.setHeader("www-authenticate", 'Basic realm="Tidewire"');
      answerText(response, status, `${message}\n`);
    } else if (request.url === "/metrics") void answerMetrics(response, exposition);
    else void respond(request, response, site);
  });
  const listening = await listen(server, options.address);
  return {
    ...listening,
    close: () => {
      live.close();
      return listening.close();
    },
  };
}

export function urlOf({ address: { host, port } }: Listening): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
}

/** Metrics and health alone. They name no file and no client, so they need no password. */
export function openMetrics(
  address: WebAddress,
  exposition: Exposition,
  watched: Pick<Watched, "addresses" | "ready">,
): Promise<Listening> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    if (answersWatcher(request, response, { watched })) return;
    if (request.url === "/metrics") void answerMetrics(response, exposition);
    else answerText(response, 404, "Here are /metrics, /healthz and /readyz.\n");
  });
  return listen(server, address);
}

function answersWatcher(
  { url }: IncomingMessage,
  response: ServerResponse,
  { watched }: { readonly watched: Pick<Watched, "addresses" | "ready"> },
): boolean {
  if (url !== "/healthz" && url !== "/readyz") return false;
  const ready = url === "/healthz" || (watched.ready() && watched.addresses.length > 0);
  answerText(response, ready ? 200 : 503, ready ? "ok\n" : "not ready\n");
  return true;
}

async function answerMetrics(response: ServerResponse, { type, text }: Exposition): Promise<void> {
  try {
    answerText(response, 200, await text(), type);
  } catch (thrown) {
    answerText(response, 500, `${TftpError.from(thrown).message}\n`);
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  site: Site,
): Promise<void> {
  try {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://page");
    const route = routeFor(request.method ?? "", pathname);
    if (route) await route({ request, response, site, path: pathname, query: searchParams });
    else answerText(response, 404, "There is nothing here.\n");
  } catch (thrown) {
    const error = TftpError.from(thrown);
    if (response.headersSent) response.destroy();
    else answerText(response, statusOf(error), `${error.message}\n`);
  }
}

function statusOf({ code }: TftpError): number {
  if (code === "FILE_NOT_FOUND") return 404;
  if (code === "ACCESS_VIOLATION") return 403;
  if (code === "FILE_EXISTS") return 409;
  if (code === "TOO_LARGE") return 413;
  return code === "INVALID_ARGUMENT" ? 400 : 500;
}

const connectionsMax = 256;
const listenHints: { readonly [systemCode: string]: string } = {
  EADDRINUSE: "Another program has that port: choose another one.",
  EADDRNOTAVAIL: "This machine has no such address: use one of its own.",
  EACCES: "Choose a port above 1023.",
};

async function listen(server: Server, { host, port, fd }: WebAddress): Promise<Listening> {
  server.maxConnections = connectionsMax;
  try {
    await new Promise<void>((done, failed) => {
      server.once("error", failed).listen(fd === undefined ? { host, port } : { fd }, done);
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const hint = listenHints[code ?? ""] ?? "Check address and port.";
    const message = `HTTP cannot listen on ${host} port ${port} (${code})`;
    throw new TftpError("NETWORK", message, { hint, cause });
  }
  const { address, port: taken } = server.address() as AddressInfo;
  return {
    address: { host: address, port: taken },
    server,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
