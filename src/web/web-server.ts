// HTTP for people and for machines that watch: the page and what it asks for, metrics, health.
// It reads the event stream and the recorder; the TFTP server does not know of it.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import { answerText, securityHeaders } from "./answer.ts";
import { Attempts } from "./attempts.ts";
import { refusalFor } from "./guard.ts";
import type { Page, Request } from "./visit.ts";

/** What a scraper is given. */
export interface Exposition {
  /** Its Content-Type. */
  readonly type: string;
  text(): Promise<string>;
}

export interface Health {
  /** Whether requests are taken: false while it stops. */
  readonly ready: () => boolean;
}

export interface WebOptions {
  readonly address: WebAddress;
  readonly password: string | undefined;
  /** Further names that the page may be asked for under. */
  readonly names?: readonly string[];
  readonly health: Health;
  readonly exposition: Exposition;
  readonly page: Page;
  /** How long a connection may stand still; by default five minutes. */
  readonly idleMillisMax?: number;
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

/** The page with metrics and health. Throws TftpError NETWORK. */
export async function openWeb(options: WebOptions): Promise<Listening> {
  const { page, exposition, health } = options;
  const guarded = { ...options, attempts: new Attempts() };
  const server = createServer(times, (request, response) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    if (answersWatcher(request, response, health)) return;
    const refusal = refusalFor(request, guarded);
    if (refusal) {
      const { status, message } = refusal;
      if (status === 401) response.setHeader("www-authenticate", 'Basic realm="Tidewire"');
      answerText(response, status, `${message}\n`);
    } else if (pathOf(request) === "/metrics") void answerMetrics(response, exposition);
    else void page.answer(readable(request), response, clientOf(request));
  });
  const listening = await listen(server, options.address, options.idleMillisMax);
  return {
    ...listening,
    close: () => {
      page.close();
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
  health: Health,
): Promise<Listening> {
  const server = createServer(times, (request, response) => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    if (answersWatcher(request, response, health)) return;
    if (pathOf(request) === "/metrics") void answerMetrics(response, exposition);
    else answerText(response, 404, "Here are /metrics, /healthz and /readyz.\n");
  });
  return listen(server, address);
}

function answersWatcher(
  request: IncomingMessage,
  response: ServerResponse,
  health: Health,
): boolean {
  const path = pathOf(request);
  if (path !== "/healthz" && path !== "/readyz") return false;
  const ready = path === "/healthz" || health.ready();
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

/** Probes add what they like behind it. */
function pathOf({ url = "" }: IncomingMessage): string | undefined {
  return url.split("?", 1)[0];
}

function readable(request: IncomingMessage): Request {
  const { method = "", url = "/", headers } = request;
  return { method, url, headers, content: request };
}

function clientOf({ socket }: IncomingMessage): Address {
  return { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
}

const connectionsMax = 256;
/** A large upload may take long, as long as it comes. */
const times = { headersTimeout: 60_000, requestTimeout: 0 };
const idleMillisUsual = 5 * 60_000;
const listenHints: { readonly [systemCode: string]: string } = {
  EADDRINUSE: "Another program has that port: choose another one.",
  EADDRNOTAVAIL: "This machine has no such address: use one of its own.",
  EACCES: "Choose a port above 1023.",
};

async function listen(
  server: Server,
  { host, port, fd }: WebAddress,
  idleMillisMax: number = idleMillisUsual,
): Promise<Listening> {
  server.maxConnections = connectionsMax;
  server.timeout = idleMillisMax;
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
