// The packets of one transfer as columns of numbers: what each is, whether it was sent before, and
// whether it was lost. Pure; made for a million packets.

import type { PacketTableHead } from "../web/messages.ts";
import { visible } from "./words.ts";

export const kind = {
  data: 1,
  ack: 2,
  /** RRQ, WRQ, OACK. */
  control: 4,
  error: 8,
  /** Sent by us more than once. */
  resent: 16,
  /** Came to us more than once. */
  duplicate: 32,
  /** Sent by us, and never answered before it was sent again. */
  lost: 64,
  ours: 128,
} as const;

export interface LadderPackets {
  readonly count: number;
  /** Milliseconds since the first packet. */
  readonly at: Float64Array;
  readonly flags: Uint8Array;
  readonly opcodes: Uint8Array;
  readonly blocks: Uint16Array;
  readonly lengths: Uint16Array;
  /** Requests, OACK and ERROR, whole. */
  readonly texts: ReadonlyMap<number, string>;
  readonly startedAt: number;
  /** Packets that are no longer kept, and how many are before them. */
  readonly dropped: number;
  readonly head: number;
}

const rowBytes = 16;
const names = ["", "RRQ", "WRQ", "DATA", "ACK", "ERROR", "OACK"];

/** Reads what /api/transfers/ID/packets gives. */
export function readPackets(table: ArrayBuffer): LadderPackets {
  const view = new DataView(table);
  const headBytes = view.getUint32(0, true);
  const json = new TextDecoder().decode(new Uint8Array(table, 4, headBytes));
  const { dropped, head, texts }: PacketTableHead = JSON.parse(json);
  const from = 4 + headBytes;
  const count = Math.floor((table.byteLength - from) / rowBytes);
  const packets = {
    count,
    at: new Float64Array(count),
    flags: new Uint8Array(count),
    opcodes: new Uint8Array(count),
    blocks: new Uint16Array(count),
    lengths: new Uint16Array(count),
    texts: new Map(texts.map(([row, base64]) => [row, textOf(base64)])),
    startedAt: count > 0 ? view.getFloat64(from, true) : 0,
    dropped,
    head,
  };
  for (let row = 0; row < count; row++) {
    const start = from + row * rowBytes;
    packets.at[row] = Math.max(0, view.getFloat64(start, true) - packets.startedAt);
    packets.flags[row] = view.getUint8(start + 8) === 1 ? kind.ours : 0;
    packets.opcodes[row] = view.getUint8(start + 9);
    packets.blocks[row] = view.getUint16(start + 10, true);
    packets.lengths[row] = view.getUint16(start + 12, true);
  }
  classify(packets);
  return packets;
}

/** What a packet says in one line. */
export function labelOf(packets: LadderPackets, row: number): string {
  const opcode = packets.opcodes[row] ?? 0;
  const name = names[opcode] ?? "not TFTP";
  const block = packets.blocks[row] ?? 0;
  if (opcode === 3) return `${name} ${block} · ${(packets.lengths[row] ?? 4) - 4} bytes`;
  if (opcode === 4) return `${name} ${block}`;
  return `${name} ${visible(packets.texts.get(row) ?? "")}`.trim();
}

/** Marks what was sent or received before. Block numbers are counted on beyond 16 bits. */
function classify(packets: LadderPackets): void {
  const { count, flags, opcodes, blocks, texts, head, dropped } = packets;
  /** The row of each DATA block, the last ACK, and each text, by direction. */
  const seen = [new Map<number, number>(), new Map<number, number>()] as const;
  const lastBlock = [0, 0];
  const lastAck = [-1, -1];
  const said = new Set<string>();
  for (let row = 0; row < count; row++) {
    if (dropped > 0 && row === head) for (const map of seen) map.clear();
    const side = (flags[row] as number) & kind.ours ? 1 : 0;
    const again = side === 1 ? kind.resent : kind.duplicate;
    const block = blocks[row] as number;
    let flag = 0;
    if (opcodes[row] === 3) {
      flag = kind.data;
      const number = nearest(block, lastBlock[side] as number);
      lastBlock[side] = Math.max(lastBlock[side] as number, number);
      const before = seen[side].get(number);
      if (before !== undefined) {
        flag |= again;
        const answered = nearest(lastAck[1 - side] as number, number) >= number;
        if (side === 1 && !answered) flags[before] = (flags[before] as number) | kind.lost;
      }
      seen[side].set(number, row);
    } else if (opcodes[row] === 4) {
      flag = kind.ack;
      if (lastAck[side] === block) flag |= again;
      lastAck[side] = block;
    } else {
      flag = opcodes[row] === 5 ? kind.error : kind.control;
      const text = `${side} ${opcodes[row]} ${texts.get(row)}`;
      if (said.has(text)) flag |= again;
      said.add(text);
    }
    flags[row] = (flags[row] as number) | flag;
  }
}

/** The unbounded number with these 16 bits that is nearest to `near`. */
function nearest(block: number, near: number): number {
  if (block < 0) return block;
  return block + 65_536 * Math.round((near - block) / 65_536);
}

/** The texts of a packet with its NULs as spaces; options as name=value. */
function textOf(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const opcode = bytes[1] ?? 0;
  const parts = new TextDecoder()
    .decode(bytes.subarray(opcode === 5 ? 4 : 2))
    .replace(/\0+$/, "")
    .split("\0");
  if (opcode === 5) return `${((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)} “${parts[0] ?? ""}”`;
  const named = opcode === 6 ? [] : parts.splice(0, 2);
  const options: string[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) options.push(`${parts[at]}=${parts[at + 1]}`);
  return [...named, ...options].join(" ");
}

/** For any range of rows which flags occur in it, without looking at each row. */
export class FlagIndex {
  readonly #levels: Uint8Array[];

  constructor(flags: Uint8Array) {
    this.#levels = [flags];
    for (let below = flags; below.length > 64; ) {
      const level = new Uint8Array(Math.ceil(below.length / 64));
      for (let at = 0; at < below.length; at++) {
        level[at >> 6] = (level[at >> 6] as number) | (below[at] as number);
      }
      this.#levels.push(level);
      below = level;
    }
  }

  /** Of rows `from` to before `to`. */
  any(from: number, to: number, depth = 0): number {
    const level = this.#levels[depth] as Uint8Array;
    let flags = 0;
    if (to - from < 128 || depth === this.#levels.length - 1) {
      for (let at = from; at < to; at++) flags |= level[at] as number;
      return flags;
    }
    const [first, last] = [Math.ceil(from / 64), Math.floor(to / 64)];
    for (let at = from; at < first * 64; at++) flags |= level[at] as number;
    for (let at = last * 64; at < to; at++) flags |= level[at] as number;
    return flags | this.any(first, last, depth + 1);
  }

  /** The next row from `from` on with one of these flags; -1 if there is none. */
  next(from: number, wanted: number): number {
    const [flags] = this.#levels as [Uint8Array];
    for (let at = from; at < flags.length; at++) if ((flags[at] as number) & wanted) return at;
    return -1;
  }
}
