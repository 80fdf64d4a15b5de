// The packets of one transfer in bounded memory: the first ones and the last ones, 16 bytes each.
// Requests, OACK and ERROR are kept whole, DATA only where whole packets are wanted.

/** Memory that all records share. */
export interface Budget {
  bytes: number;
  readonly bytesMax: number;
}

/** What a row of the table holds, little-endian. The page reads the same bytes:
 * 0 time (float64, milliseconds since the epoch), 8 whether we sent it, 9 opcode,
 * 10 block, 12 length, 14 our port (16 bits each). */
const rowBytes = 16;
const rowsPerChunk = 128;
/** A chunk of whole packets is full before its rows are, when they are large. */
const chunkBytesMax = 256 * 1024;
const chunkCost = rowBytes * rowsPerChunk + 512;
const data = 3;
const ack = 4;
/** Options and texts may come from anybody. */
const textBytesMax = 1024;

interface Chunk {
  readonly rows: DataView;
  count: number;
  /** What was kept of a packet beyond its header, by row. */
  readonly kept: Map<number, Uint8Array>;
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
  readonly #whole: boolean;
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
    return this.#chunks[0]?.count ?? 0;
  }

  add(datagram: Uint8Array, sent: boolean, localPort: number, timeMillis: number): void {
    const { length } = datagram;
    if (length < 2) return;
    const chunk = this.#room();
    const at = chunk.count * rowBytes;
    const opcode = datagram[1] as number;
    const { rows } = chunk;
    rows.setFloat64(at, timeMillis, true);
    rows.setUint8(at + 8, sent ? 1 : 0);
    rows.setUint8(at + 9, datagram[0] === 0 ? opcode : 255);
    rows.setUint16(at + 10, ((datagram[2] ?? 0) << 8) | (datagram[3] ?? 0), true);
    rows.setUint16(at + 12, length, true);
    rows.setUint16(at + 14, localPort, true);
    const isPlain = opcode === data || opcode === ack;
    if (!isPlain) this.#keep(chunk, datagram.slice(0, textBytesMax));
    else if (this.#whole && length > 4 && this.#budget.bytes < this.#budget.bytesMax) {
      this.#keep(chunk, datagram.slice());
    }
    chunk.count += 1;
    this.#total += 1;
  }

  /** The rows that are kept, as one table, and the whole packets among them by row. */
  table(): { readonly rows: Uint8Array; readonly kept: ReadonlyMap<number, Uint8Array> } {
    const count = this.#total - this.#dropped;
    const rows = new Uint8Array(count * rowBytes);
    const kept = new Map<number, Uint8Array>();
    let row = 0;
    for (const chunk of this.#chunks) {
      const bytes = new Uint8Array(chunk.rows.buffer, 0, chunk.count * rowBytes);
      rows.set(bytes, row * rowBytes);
      for (const [at, packet] of chunk.kept) kept.set(row + at, packet);
      row += chunk.count;
    }
    return { rows, kept };
  }

  *packets(): Generator<RecordedPacket> {
    for (const { rows, count, kept } of this.#chunks) {
      for (let row = 0; row < count; row++) {
        const at = row * rowBytes;
        yield {
          timeMillis: rows.getFloat64(at, true),
          sent: rows.getUint8(at + 8) === 1,
          length: rows.getUint16(at + 12, true),
          localPort: rows.getUint16(at + 14, true),
          bytes: kept.get(row) ?? headerOf(rows, at),
        };
      }
    }
  }

  /** The last request that was received, with the port that it came to. */
  get lastRequest(): RecordedPacket | undefined {
    let found: RecordedPacket | undefined;
    for (const packet of this.packets()) {
      if (!packet.sent && (packet.bytes[1] === 1 || packet.bytes[1] === 2)) found = packet;
    }
    return found;
  }

  /** Keeps the first packets and the last ones: what explains a transfer is at its ends. False when
   * there is nothing to give. */
  dropOldest(): boolean {
    const [chunk] = this.#chunks.length > 2 ? this.#chunks.splice(1, 1) : [];
    if (!chunk) return false;
    this.#dropped += chunk.count;
    this.#budget.bytes -= chunk.cost;
    return true;
  }

  /** Keeps the headers and gives the content of DATA back. */
  forgetContent(): void {
    for (const chunk of this.#chunks) {
      for (const [row, packet] of chunk.kept) {
        if (packet[1] !== data) continue;
        chunk.kept.delete(row);
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
    const last = this.#chunks.at(-1);
    if (last && last.count < rowsPerChunk && last.cost < chunkBytesMax) return last;
    const rows = new DataView(new ArrayBuffer(rowBytes * rowsPerChunk));
    const chunk = { rows, count: 0, kept: new Map(), cost: chunkCost };
    this.#budget.bytes += chunkCost;
    this.#chunks.push(chunk);
    return chunk;
  }

  #keep(chunk: Chunk, bytes: Uint8Array): void {
    chunk.kept.set(chunk.count, bytes);
    chunk.cost += bytes.length;
    this.#budget.bytes += bytes.length;
  }
}

function headerOf(rows: DataView, at: number): Uint8Array {
  const opcode = rows.getUint8(at + 9);
  const block = rows.getUint16(at + 10, true);
  const length = Math.min(4, rows.getUint16(at + 12, true));
  return new Uint8Array([0, opcode, block >> 8, block]).subarray(0, length);
}
