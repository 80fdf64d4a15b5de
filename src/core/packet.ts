// The wire, both ways (RFC 1350 5, RFC 2347). Decoding never throws: what is not TFTP is "invalid".

import { encodeTexts, endOfText, textFrom, textsLength } from "./texts.ts";

/** A block number as it stands in a packet: 16 bits. */
export type WireNumber = number;
/** A block number without bound; block 0 is the opening. */
export type BlockNumber = number;
export type Millis = number;
export type Mode = "octet" | "netascii";

/** An option as its sender spelled it. */
export interface Option {
  readonly name: string;
  readonly value: string;
}
/** In the order of the packet, found by their names in lower case. Of a repeated name the first
 * counts. */
export type Options = ReadonlyMap<string, Option>;

export interface Request {
  readonly op: "rrq" | "wrq";
  readonly filename: string;
  readonly mode: Mode;
  readonly options: Options;
}

export type Packet =
  | Request
  | { readonly op: "data"; readonly block: WireNumber; readonly payload: Uint8Array } // a view
  | { readonly op: "ack"; readonly block: WireNumber }
  | { readonly op: "error"; readonly code: number; readonly message: string }
  | { readonly op: "oack"; readonly options: Options }
  /** `reason` is fit to be the text of an ERROR 4. `request`: it was a RRQ or WRQ, so an answer is
   * due; to anything else it would be an echo. */
  | { readonly op: "invalid"; readonly reason: string; readonly request: boolean };

export const dataHeaderBytes = 4;

/** Never throws. The payload of DATA is a view of `datagram`. */
export function decode(datagram: Uint8Array): Packet {
  if (datagram.length < 2) return invalid("the datagram is too short for a TFTP packet");
  const opcode = wordAt(datagram, 0);
  if (opcode === rrq) return decodeRequest("rrq", datagram);
  if (opcode === wrq) return decodeRequest("wrq", datagram);
  if (opcode === oack) return { op: "oack", options: optionsFrom(datagram, 2) };
  if (opcode > oack || opcode === 0) return invalid("the opcode is unknown");
  if (datagram.length < 4) return invalid("the packet is cut short");
  const word = wordAt(datagram, 2);
  if (opcode === data) return { op: "data", block: word, payload: datagram.subarray(4) };
  // Windows bootmgr sends ACKs of 5 bytes.
  if (opcode === ack) return { op: "ack", block: word };
  return { op: "error", code: word, message: textFrom(datagram, 4, endOfText(datagram, 4)) };
}

/** The block number of the DATA that begins at `at`; undefined: something else does. */
export function dataNumber(memory: Uint8Array, at: number): WireNumber | undefined {
  return wordAt(memory, at) === data ? wordAt(memory, at + 2) : undefined;
}

/** Whether `datagram` would be decoded as a RRQ or WRQ, whole or not. */
export function isRequest(datagram: Uint8Array): boolean {
  return datagram[0] === 0 && (datagram[1] === rrq || datagram[1] === wrq);
}

/** Exactly the bytes of the packet. A text ends at its first NUL, as the wire cannot carry one. */
export function encode(packet: Exclude<Packet, { op: "data" | "invalid" }>): Uint8Array {
  switch (packet.op) {
    case "rrq":
    case "wrq":
      return encodeTexts([0, packet.op === "rrq" ? rrq : wrq], requestTexts(packet));
    case "ack":
      return encodeAck(packet.block);
    case "error":
      return encodeTexts([0, error, packet.code >> 8, packet.code & 0xff], [packet.message]);
    case "oack":
      return encodeTexts([0, oack], textsOf(packet.options));
  }
}

/** As `encode` would make it, in bytes. */
export function requestLength(request: Request): number {
  return 2 + textsLength(requestTexts(request));
}

/** The same of an OACK. */
export function oackLength(options: Options): number {
  return 2 + textsLength(textsOf(options));
}

const rrq = 1;
const wrq = 2;
const data = 3;
const ack = 4;
const error = 5;
const oack = 6;

//  RRQ and WRQ
//
//   2 bytes     string    1   string  1    string    1   string   1
//  +---------+----------+---+--------+---+---------+---+--------+---+
//  | 01 / 02 | filename | 0 |  mode  | 0 | option  | 0 | value  | 0 |  and more options
//  +---------+----------+---+--------+---+---------+---+--------+---+

function decodeRequest(op: "rrq" | "wrq", datagram: Uint8Array): Packet {
  const endOfName = endOfText(datagram, 2);
  const endOfMode = endOfText(datagram, endOfName + 1);
  const filename = textFrom(datagram, 2, endOfName);
  const mode = textFrom(datagram, endOfName + 1, endOfMode).toLowerCase();
  if (filename === "") return invalid("the request names no file", true);
  if (mode === "mail") return invalid("mail mode is obsolete and not supported", true);
  if (mode !== "octet" && mode !== "netascii") {
    return invalid("the transfer mode is neither octet nor netascii", true);
  }
  return { op, filename, mode, options: optionsFrom(datagram, endOfMode + 1) };
}

//  DATA                                 ACK
//
//   2 bytes   2 bytes   0 to blksize     2 bytes   2 bytes
//  +---------+---------+------------+   +---------+---------+
//  |   03    |  block  |  payload   |   |   04    |  block  |
//  +---------+---------+------------+   +---------+---------+

/** Writes the four bytes before a payload; `into` must have room for them. */
export function writeDataHeader(into: Uint8Array, at: number, block: WireNumber): void {
  into[at] = 0;
  into[at + 1] = data;
  into[at + 2] = block >> 8;
  into[at + 3] = block;
}

export function encodeAck(block: WireNumber): Uint8Array {
  const datagram = new Uint8Array(4);
  datagram[1] = ack;
  datagram[2] = block >> 8;
  datagram[3] = block;
  return datagram;
}

//  ERROR                                OACK
//
//   2 bytes   2 bytes   string    1      2 bytes    string    1   string   1
//  +---------+---------+---------+---+  +---------+---------+---+--------+---+
//  |   05    |  code   | message | 0 |  |   06    | option  | 0 | value  | 0 |  and more
//  +---------+---------+---------+---+  +---------+---------+---+--------+---+

/** Stops at an empty name: what follows is padding. A name without a value is left out. */
function optionsFrom(datagram: Uint8Array, at: number): Options {
  const options = new Map<string, Option>();
  while (at < datagram.length) {
    const endOfName = endOfText(datagram, at);
    const endOfValue = endOfText(datagram, endOfName + 1);
    if (endOfName === at || endOfName + 1 >= datagram.length) break;
    const name = textFrom(datagram, at, endOfName);
    const value = textFrom(datagram, endOfName + 1, endOfValue);
    const key = name.toLowerCase();
    if (!options.has(key)) options.set(key, { name, value });
    at = endOfValue + 1;
  }
  return options;
}

function requestTexts({ filename, mode, options }: Request): string[] {
  return [filename, mode, ...textsOf(options)];
}

function textsOf(options: Options): string[] {
  const texts: string[] = [];
  for (const { name, value } of options.values()) texts.push(name, value);
  return texts;
}

function invalid(reason: string, request = false): Packet {
  return { op: "invalid", reason, request };
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
