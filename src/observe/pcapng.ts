// Writes packets as pcapng (draft-ietf-opsawg-pcapng), the format of Wireshark, with IP and UDP
// headers made up for them: a UDP socket does not see the real ones.

import { isIPv6 } from "node:net";
import type { Address } from "../ports.ts";

export interface CapturedPacket {
  /** Since the epoch. */
  readonly timeMillis: number;
  readonly sent: boolean;
  readonly from: Address;
  readonly to: Address;
  /** Of the datagram on the wire; `bytes` may be less of it. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

const application = "tidewire";
const linkTypeRaw = 101;
const udp = 17;
const hopsMax = 64;
const optionEnd = 0;
const optionComment = 1;
const userApplication = 4;
const timeResolution = 9;
const packetFlags = 2;

/** Block by block, so that no more than one packet is in memory twice. */
export function* pcapng(
  packets: Iterable<CapturedPacket>,
  comment: string,
): Generator<Uint8Array, void> {
  yield sectionHeader(comment);
  yield interfaceDescription();
  for (const packet of packets) yield enhancedPacket(packet);
}

function sectionHeader(comment: string): Uint8Array {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(0x1a2b3c4d, 0);
  fixed.writeUInt16LE(1, 4);
  fixed.writeBigInt64LE(-1n, 8); // the length of the section is not told
  return block(0x0a0d0d0a, [
    fixed,
    option(optionComment, Buffer.from(comment)),
    option(userApplication, Buffer.from(application)),
    option(optionEnd, Buffer.alloc(0)),
  ]);
}

function interfaceDescription(): Uint8Array {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(linkTypeRaw, 0);
  const micros = option(timeResolution, Buffer.from([6]));
  return block(1, [fixed, micros, option(optionEnd, Buffer.alloc(0))]);
}

function enhancedPacket(packet: CapturedPacket): Uint8Array {
  const headers = headersOf(packet);
  const micros = BigInt(Math.round(packet.timeMillis * 1000));
  const captured = headers.length + packet.bytes.length;
  const fixed = Buffer.alloc(20);
  fixed.writeUInt32LE(Number(micros >> 32n), 4);
  fixed.writeUInt32LE(Number(micros & 0xffff_ffffn), 8);
  fixed.writeUInt32LE(captured, 12);
  fixed.writeUInt32LE(headers.length + packet.length, 16);
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(packet.sent ? 2 : 1);
  return block(6, [
    fixed,
    headers,
    packet.bytes,
    padding(captured),
    option(packetFlags, flags),
    option(optionEnd, Buffer.alloc(0)),
  ]);
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 12);
  const begin = Buffer.alloc(8);
  begin.writeUInt32LE(type, 0);
  begin.writeUInt32LE(length, 4);
  return Buffer.concat([begin, ...parts, begin.subarray(4)], length);
}

function option(code: number, value: Uint8Array): Uint8Array {
  const begin = Buffer.alloc(4);
  begin.writeUInt16LE(code, 0);
  begin.writeUInt16LE(value.length, 2);
  return Buffer.concat([begin, value, padding(value.length)]);
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}

function headersOf(packet: CapturedPacket): Buffer {
  const { from, to, length } = packet;
  const datagram = Buffer.alloc(8);
  datagram.writeUInt16BE(from.port, 0);
  datagram.writeUInt16BE(to.port, 2);
  datagram.writeUInt16BE(8 + length, 4);
  const ipv6 = isIPv6(bare(from.host));
  const ends = Buffer.concat([addressBytes(from.host), addressBytes(to.host)]);
  datagram.writeUInt16BE(udpChecksum(packet, ends, datagram, ipv6), 6);
  return Buffer.concat([ipv6 ? ipv6Header(ends, length) : ipv4Header(ends, length), datagram]);
}

function ipv4Header(ends: Buffer, length: number): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x45;
  header.writeUInt16BE(28 + length, 2);
  header[6] = 0x40; // do not fragment
  header[8] = hopsMax;
  header[9] = udp;
  header.writeUInt16BE(folded(sumOf(header) + sumOf(ends)), 10);
  return Buffer.concat([header, ends]);
}

function ipv6Header(ends: Buffer, length: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x60;
  header.writeUInt16BE(8 + length, 4);
  header[6] = udp;
  header[7] = hopsMax;
  return Buffer.concat([header, ends]);
}

/** RFC 768, RFC 8200 8.1. Of a packet that was cut nobody can tell: then "none" in IPv4; IPv6 knows
 * no such thing, and readers do not check what is cut. */
function udpChecksum(
  { bytes, length }: CapturedPacket,
  ends: Buffer,
  header: Buffer,
  ipv6: boolean,
): number {
  if (bytes.length < length) return ipv6 ? 0xffff : 0;
  const pseudo = sumOf(ends) + udp + 8 + length;
  return folded(pseudo + sumOf(header) + sumOf(bytes)) || 0xffff;
}

/** The sum of the 16-bit words; an odd last byte is a word's first (RFC 1071). */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] as number) << 8) | (bytes[at + 1] ?? 0);
  }
  return sum;
}

function folded(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

/** 4 or 16 bytes, in the order of the network. */
export function addressBytes(host: string): Uint8Array {
  const text = bare(host);
  if (!text.includes(":")) return Uint8Array.from(text.split("."), Number);
  const [front = "", back] = text.split("::");
  const head = groupsOf(front);
  const tail = groupsOf(back ?? "");
  const zeros = back === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...new Array<number>(zeros).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** Without the zone of a link-local address, which is this machine's own affair. */
function bare(host: string): string {
  return host.split("%")[0] as string;
}
