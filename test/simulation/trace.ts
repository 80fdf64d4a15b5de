// A simulated datagram as one line of text, for whoever looks into a run that failed.

import { decode, type Millis } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";

export function lineOf(way: string, datagram: Uint8Array, from: Address, to: Address): string {
  return `${way.padEnd(7)} ${from.host}:${from.port} > ${to.host}:${to.port} ${textOf(datagram)}`;
}

export function timeOf(now: Millis): string {
  return now.toFixed(3).padStart(12);
}

function textOf(datagram: Uint8Array): string {
  const packet = decode(datagram);
  switch (packet.op) {
    case "data":
      return `DATA ${packet.block} of ${packet.payload.length} bytes`;
    case "ack":
      return `ACK ${packet.block}`;
    case "error":
      return `ERROR ${packet.code} ${packet.message}`;
    case "oack":
      return `OACK ${optionsOf(packet.options)}`;
    case "invalid":
      return `not TFTP: ${packet.reason}`;
    default:
      return `${packet.op} ${packet.filename} ${packet.mode} ${optionsOf(packet.options)}`;
  }
}

function optionsOf(options: ReadonlyMap<string, { name: string; value: string }>): string {
  return [...options.values()].map(({ name, value }) => `${name}=${value}`).join(" ");
}
