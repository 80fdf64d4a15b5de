// What a request is about, opened: a source to send or a sink to fill. Knows no packets.

import type { Request } from "../core/packet.ts";
import type { DatagramSocket, RequestInfo, Sink, Source, Storage } from "../ports.ts";
import { isSink, tooLarge } from "../transfer/incoming.ts";
import { netasciiSink, netasciiSource } from "../transfer/netascii.ts";
import type { Limits } from "./limits.ts";
import type { UploadQuota } from "./upload-quota.ts";

export type Content = (
  | { readonly op: "rrq"; readonly source: Source }
  | { readonly op: "wrq"; readonly sink: Sink }
) & {
  /** As it is stored, before any translation. */
  readonly stored: Source | Sink;
};

export interface ContentRequest {
  readonly request: Request;
  /** The name after the verdict. */
  readonly name: string;
  readonly info: RequestInfo;
  /** That the request came to. */
  readonly socket: DatagramSocket;
}

export interface ContentPlace {
  readonly storage: Storage;
  readonly limits: Limits;
  readonly quota: UploadQuota;
}

/** At once where it is at hand. Throws TftpError. */
export function openContent(
  asked: ContentRequest,
  place: ContentPlace,
): Content | Promise<Content> {
  const { request, name, info } = asked;
  if (request.op === "wrq") return openSink(asked, place);
  if (request.mode === "netascii") return openText(asked, place.storage);
  const source = place.storage.readAtHand?.(name, info, asked.socket.receipt);
  if (source) return reading(source);
  return place.storage.openRead(name, info).then(reading);
}

function reading(opened: Source): Content {
  const source = checkedSource(opened);
  return { op: "rrq", source, stored: source };
}

/** A storage may not be ours. Without a whole number of blocks nothing would be sent, and only by a
 * text can content be known again. */
function checkedSource(source: Source): Source {
  if (typeof source?.readv !== "function") throw new TypeError("the storage gave no source");
  const { size, version } = source;
  const fits = size === undefined || (Number.isSafeInteger(size) && size >= 0);
  if (fits && (version === undefined || typeof version === "string")) return source;
  void putAway({ op: "rrq", source, stored: source });
  throw new TypeError(`the storage gave a ${fits ? `version of ${version}` : `size of ${size}`}`);
}

function checkedSink(sink: Sink): Sink {
  if (isSink(sink)) return sink;
  throw new TypeError("the storage gave no sink");
}

/** To be called unless the transfer takes it. Never throws. */
export async function putAway(content: Content): Promise<void> {
  try {
    await (content.op === "rrq" ? content.source.close() : content.sink.discard());
  } catch {}
}

async function openText({ name, info }: ContentRequest, storage: Storage): Promise<Content> {
  const stored = checkedSource(await storage.openRead(name, info));
  try {
    return { op: "rrq", source: await netasciiSource(stored), stored };
  } catch (thrown) {
    await putAway({ op: "rrq", source: stored, stored });
    throw thrown;
  }
}

async function openSink({ request, name, info }: ContentRequest, place: ContentPlace) {
  const { storage, limits, quota } = place;
  if ((info.size ?? 0) > limits.uploadBytesMax) throw tooLarge(limits.uploadBytesMax);
  quota.requireRoom(info.size ?? 0);
  const stored = checkedSink(await storage.openWrite(name, info));
  const counted = quota.counts(stored);
  const sink = request.mode === "netascii" ? netasciiSink(counted) : counted;
  return { op: "wrq", sink, stored } as const;
}
