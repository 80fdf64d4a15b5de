// The files that are served, for a person at a browser: downloads and uploads. Content goes through
// the server's own Storage, so the same names are allowed as by TFTP.

import { createHash } from "node:crypto";
import { TftpError } from "../core/errors.ts";
import type { Address, RequestInfo, Sink, Storage } from "../ports.ts";

export interface Shelf {
  /** As visitors find it: what is refused to them is refused here. */
  readonly storage: Storage;
  /** Whether the rules let it be read. */
  readonly mayRead: (name: string, request: RequestInfo) => boolean;
  /** What is allowed now. */
  readonly offer: () => Offer;
}

type Uploads = "off" | "create" | "overwrite";

export interface Offer {
  /** Of the server's own folder. */
  readonly uploads: Uploads;
  readonly uploadBytesMax: number;
  readonly dotFiles: boolean;
  /** Where in the name space other folders stand. */
  readonly mounts: readonly { readonly at: string }[];
  /** The folder that a name leads a visitor to, and the name in it. Throws TftpError for a name
   * that nothing can have. */
  readonly find: (name: string, client: Address) => Place;
}

interface Place {
  readonly mount: { readonly at: string; readonly dir: string; readonly uploads: Uploads };
  readonly name: string;
}

/** The content of a file in pieces. Throws TftpError. */
export async function* readFile(
  { storage }: Shelf,
  name: string,
  client: Address,
): AsyncGenerator<Uint8Array, void, void> {
  const source = await storage.openRead(name, requestOf(client));
  try {
    const pieceBytes = 256 * 1024;
    for (let position = 0; ; ) {
      const piece = new Uint8Array(pieceBytes);
      const count = await source.readv([piece], position);
      if (count > 0) yield piece.subarray(0, count);
      position += count;
      if (count < pieceBytes) return;
    }
  } finally {
    await source.close();
  }
}

export interface Upload {
  readonly name: string;
  readonly client: Address;
  readonly size: number | undefined;
  readonly content: AsyncIterable<Uint8Array>;
}

/** What became of an upload through the page. */
export interface PageUpload {
  readonly name: string;
  readonly client: Address;
  readonly bytes: number;
  readonly durationMillis: number;
  /** Of the stored content, in hexadecimal. */
  readonly sha256?: string;
  /** Why nothing was stored. */
  readonly error?: TftpError;
}

/** Stores what comes; whole, or not at all. Throws nothing. */
export async function writeFile(shelf: Shelf, upload: Upload): Promise<PageUpload> {
  const { name, client, size, content } = upload;
  const { uploadBytesMax: bytesMax } = shelf.offer();
  const hash = createHash("sha256");
  let sink: Sink | undefined;
  let bytes = 0;
  const began = performance.now();
  const done = (): Omit<PageUpload, "sha256" | "error"> => {
    return { name, client, bytes, durationMillis: performance.now() - began };
  };
  try {
    sink = await shelf.storage.openWrite(name, requestOf(client, size));
    for await (const piece of untilCut(content)) {
      bytes += piece.length;
      if (bytes > bytesMax) throw new TftpError("TOO_LARGE", `more than ${bytesMax} bytes`);
      hash.update(piece);
      await sink.writev([piece]);
    }
    if (size !== undefined && bytes < size) throw wasCut();
    await sink.commit();
    return { ...done(), sha256: hash.digest("hex") };
  } catch (thrown) {
    await sink?.discard();
    return { ...done(), error: TftpError.from(thrown) };
  }
}

/** Its failure is the sender's, and none of the storage. */
async function* untilCut(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } catch (cause) {
    throw cause instanceof TftpError ? cause : wasCut(cause);
  }
}

function wasCut(cause?: unknown): TftpError {
  return new TftpError("ABORTED", "the upload was cut", { cause });
}

export function requestOf(client: Address, size?: number): RequestInfo {
  const options = new Map();
  return { client, mode: "octet", options, ...(size === undefined ? {} : { size }) };
}
