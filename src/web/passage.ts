// A page that another process of ours asks through a stream, to show it to people: both ends, which
// speak HTTP/2. Who asks has checked who may; the stream is open to nobody else.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type Http2ServerRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { TftpError } from "../core/errors.ts";
import type { Address } from "../ports.ts";
import type { Page, Visit } from "./visit.ts";

/** Who really asks: host and port. */
const clientHeader = "x-client";
/** Comes last. */
const wholeHeader = "x-whole";
const told = ["content-type", "content-disposition"] as const;
/** Until one that does not answer is left out. */
const patienceMillis = 2000;

export interface Passage {
  /** Nothing more is taken. Resolves when all that was asked is answered; the process stays until
   * then. */
  close(): Promise<void>;
  /** The same at once: what was not answered is cut. */
  cut(): void;
}

/** Answers what comes through the stream, which is no reason for the process to stay. */
export function answerThrough(stream: Socket, page: Page): Passage {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const content = Readable.from(wholeOf(request));
    void page.answer({ method, url, headers, content }, response, clientOf(headers));
  });
  // An end of it is the end of who asked, and of this process.
  server.on("sessionError", () => {});
  let session: ServerHttp2Session | undefined;
  server.once("session", (opened) => {
    session = opened;
  });
  server.emit("connection", stream);
  stream.unref();
  return {
    close: () => {
      stream.ref();
      page.close();
      return new Promise((closed) => {
        if (session && !session.destroyed) session.close(closed);
        else closed();
      });
    },
    cut: () => stream.destroy(),
  };
}

/** A stream that is cut off looks as if it had come to its end. */
async function* wholeOf(request: Http2ServerRequest): AsyncGenerator<Uint8Array, void, void> {
  yield* request;
  if (!request.trailers[wholeHeader]) throw new TftpError("ABORTED", "the upload was cut");
}

function headerOf({ host, port }: Address): OutgoingHttpHeaders {
  return { [clientHeader]: `${host} ${port}` };
}

function clientOf(headers: IncomingHttpHeaders): Address {
  const [host = "", port = 0] = String(headers[clientHeader] ?? "").split(" ");
  return { host, port: Number(port) };
}

/** A process that answers through a stream. */
export class Colleague {
  readonly #session: ClientHttp2Session;

  constructor(stream: Duplex) {
    this.#session = connect("http://colleague", { createConnection: () => stream });
    this.#session.on("error", () => {}); // each question hears of it
    this.#session.unref();
  }

  /** Undefined where it does not answer, or has nothing. */
  async json<T>(path: string, client: Address): Promise<T | undefined> {
    try {
      const asked = this.#ask({ ":path": path, ...headerOf(client) });
      asked.setTimeout(patienceMillis, () => asked.destroy());
      const [head, text] = await Promise.all([headOf(asked), textOf(asked)]);
      return head[":status"] === 200 ? JSON.parse(text) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Gives a visitor what it answers. Throws TftpError where it does not. */
  async forward({ request, response, client }: Visit<unknown>): Promise<void> {
    const { method, url, headers } = request;
    const length = headers["content-length"];
    const asked = this.#ask({
      ":method": method,
      ":path": url,
      ...headerOf(client),
      ...(length === undefined ? {} : { "content-length": length }),
    });
    if (method === "PUT") pass(request.content, asked);
    const head = await headOf(asked);
    const known = told.flatMap((name) => (head[name] ? [[name, String(head[name])]] : []));
    response.writeHead(Number(head[":status"]), Object.fromEntries(known));
    await pipeline(asked, response).catch(() => response.destroy());
  }

  /** Hears messages of server-sent events, until it ends or the result is called. */
  follow<T>(path: string, read: (message: T) => void): () => void {
    let rest = "";
    try {
      const asked = this.#ask({ ":path": path });
      asked.on("error", () => {});
      asked.setEncoding("utf8").on("data", (text: string) => {
        const parts = (rest + text).split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) if (part.startsWith("data: ")) read(JSON.parse(part.slice(6)));
      });
      return () => asked.destroy();
    } catch {
      return () => {};
    }
  }

  #ask(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const sends = headers[":method"] === "PUT";
    try {
      return this.#session.request(headers, { endStream: !sends, waitForTrailers: sends });
    } catch (cause) {
      throw hasEnded(cause);
    }
  }
}

/** An answer may come before all was read; the rest is read nevertheless, for the visitor may ask
 * more on the same connection. */
function pass(content: Readable, asked: ClientHttp2Stream): void {
  asked.on("wantTrailers", () => asked.sendTrailers({ [wholeHeader]: "1" }));
  asked.on("close", () => content.unpipe(asked).resume());
  content.on("close", () => content.readableEnded || asked.close(constants.NGHTTP2_CANCEL));
  content.pipe(asked);
}

/** Throws TftpError BUSY where there is no answer. */
function headOf(asked: ClientHttp2Stream): Promise<IncomingHttpHeaders & { ":status"?: number }> {
  return new Promise((done, failed) => {
    const fail = (cause?: unknown): void => failed(hasEnded(cause));
    asked.once("response", done).once("error", fail);
    asked.once("close", () => fail());
  });
}

function hasEnded(cause: unknown): TftpError {
  return new TftpError("BUSY", "the worker that was asked has ended", { cause });
}

async function textOf(asked: ClientHttp2Stream): Promise<string> {
  let text = "";
  for await (const piece of asked.setEncoding("utf8")) text += piece;
  return text;
}
