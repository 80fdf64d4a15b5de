// One OpenTelemetry span for each transfer, for those who trace. It needs no state, for a span is
// told when it is over.

import type { SpanKind, SpanStatusCode, TracerProvider } from "@opentelemetry/api";
import type { ServerEvent } from "../server/events.ts";
import { opOf } from "./op.ts";

type Ended = Extract<ServerEvent, { kind: "ended" }>;
type Attributes = Record<string, string | number>;

/** What a copy of the API package keeps for all others. A copy of our own would take it for its own
 * only where that is not the newer one. */
export interface Registered {
  readonly trace?: TracerProvider;
}

const server: SpanKind.SERVER = 1;
const failed: SpanStatusCode.ERROR = 2;

/** Undefined where nobody traces. */
export function spans({ trace }: Registered): ((event: ServerEvent) => void) | undefined {
  const tracer = trace?.getTracer("tidewire");
  if (!tracer) return undefined;
  return (event) => {
    if (event.kind !== "ended") return;
    const { transfer, ending, error } = event;
    const { startedAt: startTime, durationMillis } = transfer;
    const attributes = attributesOf(event);
    const span = tracer.startSpan(nameOf(event), { kind: server, startTime, attributes });
    if (ending === "failed" || ending === "aborted") {
      const message = error?.message;
      span.setStatus({ code: failed, ...(message ? { message } : {}) });
    }
    span.end(startTime + durationMillis);
  };
}

/** A file's name would make a series of its own. */
function nameOf({ transfer }: Ended): string {
  return `tftp ${opOf(transfer)}`;
}

/** Names of the semantic conventions where there are such. */
function attributesOf({ transfer, ending, error, diagnosis }: Ended): Attributes {
  const { client, local, filename, size, sha256, family, roundTripMillis } = transfer;
  return {
    "network.protocol.name": "tftp",
    "network.transport": "udp",
    "client.address": client.host,
    "client.port": client.port,
    "server.address": local.host,
    "server.port": local.port,
    "file.name": filename,
    ...(size === undefined ? {} : { "file.size": size }),
    "tftp.direction": opOf(transfer),
    "tftp.transfer.id": transfer.id,
    "tftp.mode": transfer.mode,
    "tftp.block_size": transfer.blksize,
    "tftp.window_size": transfer.windowsize,
    "tftp.bytes": transfer.bytes,
    "tftp.retransmissions": transfer.resent,
    "tftp.duplicates": transfer.duplicates,
    "tftp.outcome": ending,
    ...(roundTripMillis === undefined ? {} : { "tftp.round_trip_ms": roundTripMillis }),
    ...(family === undefined ? {} : { "tftp.client_family": family }),
    ...(sha256 === undefined ? {} : { "tftp.sha256": sha256 }),
    ...(error ? { "error.type": error.code } : {}),
    ...(diagnosis ? { "tftp.cause": diagnosis.cause } : {}),
  };
}
