// The packets of one transfer in bounded memory: the first ones and the last ones, few bytes each.
// Requests, OACK and ERROR are kept whole, DATA only where whole packets are wanted.

import { isPlain, keptBytes, type Row } from "./packet-log.ts";

/** Memory that all records share. */
export interface Budget {
  bytes: number;
  readonly bytesMax: number;
}

/** A row of memory, little-endian: 0 time (float64, milliseconds since the epoch), 8 whether we
 * sent it, 9 opcode, 10 block, 12 length, 14 our port, 16 how many blocks in a row, 18 the length
 * of the last one (16 bits each). A run of blocks is one row: it was one call to send, too. */
const memoryRowBytes = 24;
/** What a row of the table holds, which is what the page reads: the first 16 of these bytes, for
 * each packet. */
const rowBytes = 16;
/** Most transfers are short. */
const rowsAtFirst = 8;
const rowsPerChunkMax = 128;
/** The chunks that are kept when others are given up. */
const headChunks = 5;
/** A chunk of whole packets is full before its rows are, when they are large. */
const chunkBytesMax = 256 * 1024;
const chunkOverhead = 200;
const data = 3;

interface Chunk {
  readonly rows: DataView;
  readonly rowsMax: number;
  count: number;
  /** The packets in its rows. */
  packets: number;
  /** What of a packet has no place among the rows, by row. */
  kept: Map<number, Uint8Array> | undefined;
  cost: number;
}

export interface RecordedPacket {
  readonly timeMillis: number;
  readonly sent: boolean;
  /** Of the datagram on the wire. */
  readonly length: number;
  readonly localPort: number;
  /** As much of the datagram as was kept; at least its opcode and block. */
  readonly bytes: Uint8Array;
}

export class PacketRecord {
  readonly #budget: Budget;
  #whole: boolean;
  readonly #chunks: Chunk[] = [];
  #total = 0;
  #dropped = 0;

  constructor(budget: Budget, whole: boolean) {
    this.#budget = budget;
    this.#whole = whole;
  }

  /** How many packets there were, and how many of them are no longer kept (those after the first
   * chunk). */
  get total(): number {
    return this.#total;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** How many are kept before those that were dropped. */
  get head(): number {
    let head = 0;
    for (const { packets } of this.#chunks.slice(0, headChunks)) head += packets;
    return head;
  }

  add(datagram: Uint8Array, sent: boolean, localPort: number, timeMillis: number): void {
    const { length } = datagram;
    if (length < 2) return;
    const opcode = datagram[0] === 0 ? (datagram[1] as number) : 255;
    const block = ((datagram[2] ?? 0) << 8) | (datagram[3] ?? 0);
    const kept = keptBytes(opcode, length, this.#whole);
    const bytes = kept > 0 ? new Uint8Array(datagram.subarray(0, kept)) : undefined;
    const sizes = { length, count: 1, lastLength: length };
    this.addRow({ timeMillis, sent, localPort, opcode, block, bytes, ...sizes });
  }

  addRow(row: Row): void {
    const { opcode, bytes } = row;
    const chunk = this.#room();
    const at = chunk.count * memoryRowBytes;
    chunk.rows.setFloat64(at, row.timeMillis, true);
    chunk.rows.setUint8(at + 8, row.sent ? 1 : 0);
    chunk.rows.setUint8(at + 9, opcode);
    chunk.rows.setUint16(at + 10, row.block, true);
    chunk.rows.setUint16(at + 12, row.length, true);
    chunk.rows.setUint16(at + 14, row.localPort, true);
    chunk.rows.setUint16(at + 16, row.count, true);
    chunk.rows.setUint16(at + 18, row.lastLength, true);
    const fits = this.#whole && this.#budget.bytes < this.#budget.bytesMax;
    if (bytes && (!isPlain(opcode) || fits)) this.#keep(chunk, bytes);
    chunk.count += 1;
    chunk.packets += row.count;
    this.#total += row.count;
  }

  /** The packets that are kept, as one table, and the whole ones among them by row. */
  table(): { readonly rows: Uint8Array; readonly kept: ReadonlyMap<number, Uint8Array> } {
    const table = new DataView(new ArrayBuffer((this.#total - this.#dropped) * rowBytes));
    const kept = new Map<number, Uint8Array>();
    let to = 0;
    for (const chunk of this.#chunks) {
      for (let row = 0; row < chunk.count; row++) {
        const packet = chunk.kept?.get(row);
        if (packet) kept.set(to / rowBytes, packet);
        to = expand(chunk, row, table, to);
      }
    }
    return { rows: new Uint8Array(table.buffer), kept };
  }

  *packets(): Generator<RecordedPacket> {
    const { rows, kept } = this.table();
    const table = new DataView(rows.buffer);
    for (let at = 0; at < rows.length; at += rowBytes) {
      yield {
        timeMillis: table.getFloat64(at, true),
        sent: table.getUint8(at + 8) === 1,
        length: table.getUint16(at + 12, true),
        localPort: table.getUint16(at + 14, true),
        bytes: kept.get(at / rowBytes) ?? headerOf(table, at),
      };
    }
  }

  /** Keeps the first packets and the last ones: what explains a transfer is at its ends. False when
   * there is nothing to give. */
  dropOldest(): boolean {
    const [chunk] = this.#chunks.length > headChunks + 1 ? this.#chunks.splice(headChunks, 1) : [];
    if (!chunk) return false;
    this.#dropped += chunk.packets;
    this.#budget.bytes -= chunk.cost;
    return true;
  }

  /** Keeps the headers, from now on alone, and gives the content of DATA back. */
  forgetContent(): void {
    this.#whole = false;
    for (const chunk of this.#chunks) {
      for (const [row, packet] of chunk.kept ?? []) {
        if (packet[1] !== data) continue;
        chunk.kept?.delete(row);
        chunk.cost -= packet.length;
        this.#budget.bytes -= packet.length;
      }
    }
  }

  /** Gives everything back; the record is not used any more. */
  release(): void {
    for (const { cost } of this.#chunks) this.#budget.bytes -= cost;
    this.#chunks.length = 0;
    this.#total = this.#dropped = 0;
  }

  #room(): Chunk {
    const last = this.#chunks[this.#chunks.length - 1];
    if (last && last.count < last.rowsMax && last.cost < chunkBytesMax) return last;
    const rowsMax = last ? Math.min(2 * last.rowsMax, rowsPerChunkMax) : rowsAtFirst;
    const rows = new DataView(new ArrayBuffer(rowsMax * memoryRowBytes));
    const cost = rowsMax * memoryRowBytes + chunkOverhead;
    const chunk = { rows, rowsMax, count: 0, packets: 0, kept: undefined, cost };
    this.#budget.bytes += cost;
    this.#chunks.push(chunk);
    return chunk;
  }

  #keep(chunk: Chunk, bytes: Uint8Array): void {
    chunk.kept ??= new Map();
    chunk.kept.set(chunk.count, bytes);
    chunk.cost += bytes.length;
    this.#budget.bytes += bytes.length;
  }
}

/** Writes the packets of a row into the table; returns where the next one goes. */
function expand({ rows }: Chunk, row: number, table: DataView, to: number): number {
  const from = row * memoryRowBytes;
  const count = rows.getUint16(from + 16, true);
  const block = rows.getUint16(from + 10, true);
  const source = new Uint8Array(rows.buffer, from, rowBytes);
  for (let each = 0; each < count; each++) {
    const at = to + each * rowBytes;
    new Uint8Array(table.buffer, at, rowBytes).set(source);
    table.setUint16(at + 10, block + each, true);
  }
  const end = to + count * rowBytes;
  table.setUint16(end - rowBytes + 12, rows.getUint16(from + 18, true), true);
  return end;
}

function headerOf(table: DataView, at: number): Uint8Array {
  const opcode = table.getUint8(at + 9);
  const block = table.getUint16(at + 10, true);
  const length = Math.min(4, table.getUint16(at + 12, true));
  return new Uint8Array([0, opcode, block >> 8, block]).subarray(0, length);
}
