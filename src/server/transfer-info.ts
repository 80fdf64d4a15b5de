// A transfer as its events and the server's snapshot tell of it.

import type { Request } from "../core/packet.ts";
import type { DatagramSocket, Sink, Source } from "../ports.ts";
import type { Tally } from "../transfer/transfer.ts";
import type { TransferInfo } from "./events.ts";

interface Told {
  readonly transfer: { readonly tally: Tally; readonly peer: TransferInfo["client"] };
  readonly socket: DatagramSocket;
  readonly size: number | undefined;
  readonly stored: Source | Sink;
  readonly options: boolean;
}

interface Asked {
  readonly id: number;
  readonly request: Request;
  readonly family: string | undefined;
  readonly startedAt: number;
}

/** Nothing is spread here: that costs many times as much, and each reader of events, and each look
 * at what runs, asks for this. */
export function infoOf(
  { transfer, socket, size, stored, options }: Told,
  asked: Asked,
): TransferInfo {
  const { tally, peer: client } = transfer;
  const { op, filename, mode } = asked.request;
  const info: { -readonly [key in keyof TransferInfo]: TransferInfo[key] } = {
    id: asked.id,
    op,
    filename,
    mode,
    client,
    local: socket.local,
    options,
    startedAt: asked.startedAt,
    blksize: tally.blksize,
    windowsize: tally.windowsize,
    bytes: tally.bytes,
    durationMillis: tally.durationMillis,
    resent: tally.resent,
    duplicates: tally.duplicates,
  };
  if (asked.family !== undefined) info.family = asked.family;
  if (size !== undefined) info.size = size;
  if (stored.sha256 !== undefined) info.sha256 = stored.sha256;
  if (tally.roundTripMillis !== undefined) info.roundTripMillis = tally.roundTripMillis;
  return info;
}
