// A transfer's packets in the form that the page reads: few bytes each, for there may be a million.

import type { PacketRecord } from "../observe/packet-record.ts";
import type { PacketTableHead } from "./messages.ts";

const data = 3;

/** The length of the head, the head as JSON padded to 8 bytes, the rows of packet-record.ts. */
export function packetTable(record: PacketRecord): Buffer {
  const { rows, kept } = record.table();
  const texts = [...kept].filter(([, packet]) => packet[1] !== data);
  const { total, dropped } = record;
  const begin: PacketTableHead = {
    total,
    dropped,
    head: record.head,
    texts: texts.map(([row, packet]) => [row, Buffer.from(packet).toString("base64")]),
  };
  const json = JSON.stringify(begin);
  const head = Buffer.from(json + " ".repeat((8 - ((Buffer.byteLength(json) + 4) % 8)) % 8));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, rows]);
}
