// What was recorded of a transfer as files for people and programs: pcapng and a JSON timeline.
// Knows no file system.

import { decode, type Options } from "../core/packet.ts";
import type { Address } from "../ports.ts";
import type { PacketRecord, RecordedPacket } from "./packet-record.ts";
import { type CapturedPacket, pcapng } from "./pcapng.ts";

/** The two ends of what was recorded; our port is each packet's own. */
export interface Ends {
  readonly localHost: string;
  readonly peer: Address;
}

export function captureOf(record: PacketRecord, ends: Ends): Generator<Uint8Array, void> {
  const { total, dropped } = record;
  const missing =
    dropped > 0 ? `, of which ${dropped} after the first ${record.head} are lost` : "";
  const note =
    `${total} packets${missing}; IP and UDP headers are made up. ` +
    "If the server's port is not 69: Decode As TFTP.";
  return pcapng(capturedOf(record, ends), note);
}

function* capturedOf(record: PacketRecord, ends: Ends): Generator<CapturedPacket> {
  for (const packet of record.packets()) {
    const local = { host: ends.localHost, port: packet.localPort };
    const { timeMillis, sent, length, bytes } = packet;
    const [from, to] = sent ? [local, ends.peer] : [ends.peer, local];
    yield { timeMillis, sent, length, bytes, from, to };
  }
}

/** One JSON object: `facts`, and a line for each packet. In pieces, for it may be long. */
export function* timelineOf(record: PacketRecord, facts: object): Generator<string, void> {
  const head = JSON.stringify({ ...facts, packetsSeen: record.total, notKept: record.dropped });
  yield `${head.slice(0, -1)},"packets":[`;
  let separator = "\n";
  for (const packet of record.packets()) {
    yield separator + JSON.stringify(timelineEntry(packet));
    separator = ",\n";
  }
  yield "\n]}\n";
}

function timelineEntry({ timeMillis, sent, length, bytes }: RecordedPacket): object {
  const epochMicros = Math.round(timeMillis * 1000);
  return {
    time: new Date(Math.floor(epochMicros / 1000)).toISOString(),
    micros: epochMicros % 1000,
    from: sent ? "us" : "peer",
    length,
    ...contentOf(bytes, length),
  };
}

/** What a packet says, without the payload of DATA. */
function contentOf(bytes: Uint8Array, length: number): object {
  const packet = decode(bytes);
  switch (packet.op) {
    case "rrq":
    case "wrq": {
      const { op, filename, mode } = packet;
      return { op, filename, mode, options: optionsOf(packet.options) };
    }
    case "data":
      return { op: "data", block: packet.block, payloadBytes: length - 4 };
    case "oack":
      return { op: "oack", options: optionsOf(packet.options) };
    case "invalid":
      return { op: "invalid", reason: packet.reason };
    default:
      return packet;
  }
}

function optionsOf(options: Options): object {
  return Object.fromEntries([...options.values()].map(({ name, value }) => [name, value]));
}
