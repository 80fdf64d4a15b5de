// The packets of one transfer in bounded memory: the first ones and the last ones, few bytes each.
// Requests, OACK and ERROR are kept whole, DATA only where whole packets are wanted.

/** Memory that all records share. */
export interface Budget {
  bytes: number;
  readonly bytesMax: number;
}

/** A row of memory, little-endian: 0 time (float64, milliseconds since the epoch), 8 whether we
 * sent it, 9 opcode, 10 block, 12 length, 14 our port, 16 how many blocks in a row, 18 the length
 * of the last one, 20 where in the same memory its text is, 22 the length of that (16 bits each). A
 * run of blocks is one row: it was one call to send, too. */
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
const slabBytes = 16 * 1024;
const data = 3;
const ack = 4;
/** Options and texts may come from anybody. */
const textBytesMax = 1024;

interface Chunk {
  readonly rows: DataView;
  /** Where its rows begin. */
  readonly base: number;
  readonly rowsMax: number;
  count: number;
  /** The packets in its rows. */
  packets: number;
  /** What of a packet has no place among the rows, by row. */
  kept: Map<number, Uint8Array> | undefined;
  cost: number;
}

let slab = new DataView(new ArrayBuffer(slabBytes));
let slabUsed = 0;

/** Many chunks are parts of one piece of memory: to ask for each is dear. */
function memoryFor(rowsMax: number): Pick<Chunk, "rows" | "base"> {
  const bytes = rowsMax * memoryRowBytes;
  if (slabUsed + bytes > slabBytes) {
    slab = new DataView(new ArrayBuffer(slabBytes));
    slabUsed = 0;
  }
  const base = slabUsed;
  slabUsed += bytes;
  return { rows: slab, base };
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
    let head = 0;
    for (const { packets } of this.#chunks.slice(0, headChunks)) head += packets;
    return head;
  }

  add(datagram: Uint8Array, sent: boolean, localPort: number, timeMillis: number): void {
    const { length } = datagram;
    if (length < 2) return;
    const chunk = this.#room();
    const opcode = datagram[0] === 0 ? (datagram[1] as number) : 255;
    const block = ((datagram[2] ?? 0) << 8) | (datagram[3] ?? 0);
    const at = this.#begin(chunk, timeMillis, sent, localPort);
    chunk.rows.setUint8(at + 9, opcode);
    chunk.rows.setUint16(at + 10, block, true);
    chunk.rows.setUint16(at + 12, length, true);
    chunk.rows.setUint16(at + 16, 1, true);
    chunk.rows.setUint16(at + 18, length, true);
    const isPlain = opcode === data || opcode === ack;
    chunk.rows.setUint16(at + 22, 0, true);
    if (!isPlain) this.#keepText(chunk, at, datagram);
    else if (this.#whole && length > 4 && this.#budget.bytes < this.#budget.bytesMax) {
      this.#keep(chunk, new Uint8Array(datagram));
    }
    this.#finish(chunk, 1);
  }

  /** What was sent in one call: datagrams of `segmentSize` bytes, the last one perhaps shorter. */
  addRun(run: Uint8Array, segmentSize: number, localPort: number, timeMillis: number): void {
    const count = Math.ceil(run.length / segmentSize);
    const last = (count - 1) * segmentSize;
    if (this.#whole || run[1] !== data || !isInOrder(run, last, count)) {
      for (let at = 0; at < run.length; at += segmentSize) {
        this.add(run.subarray(at, at + segmentSize), true, localPort, timeMillis);
      }
      return;
    }
    const chunk = this.#room();
    const at = this.#begin(chunk, timeMillis, true, localPort);
    chunk.rows.setUint8(at + 9, data);
    chunk.rows.setUint16(at + 10, blockAt(run, 0), true);
    chunk.rows.setUint16(at + 12, segmentSize, true);
    chunk.rows.setUint16(at + 16, count, true);
    chunk.rows.setUint16(at + 18, run.length - last, true);
    chunk.rows.setUint16(at + 22, 0, true);
    this.#finish(chunk, count);
  }

  /** The packets that are kept, as one table, and the whole ones among them by row. */
  table(): { readonly rows: Uint8Array; readonly kept: ReadonlyMap<number, Uint8Array> } {
    const table = new DataView(new ArrayBuffer((this.#total - this.#dropped) * rowBytes));
    const kept = new Map<number, Uint8Array>();
    let to = 0;
    for (const chunk of this.#chunks) {
      for (let row = 0; row < chunk.count; row++) {
        const packet = chunk.kept?.get(row) ?? textOf(chunk, row);
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
    const [chunk] = this.#chunks.length > headChunks + 1 ? this.#chunks.splice(headChunks, 1) : [];
    if (!chunk) return false;
    this.#dropped += chunk.packets;
    this.#budget.bytes -= chunk.cost;
    return true;
  }

  /** Keeps the headers and gives the content of DATA back. */
  forgetContent(): void {
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
    const { rows, base } = memoryFor(rowsMax);
    const cost = rowsMax * memoryRowBytes + chunkOverhead;
    const chunk = { rows, base, rowsMax, count: 0, packets: 0, kept: undefined, cost };
    this.#budget.bytes += cost;
    this.#chunks.push(chunk);
    return chunk;
  }

  #begin(chunk: Chunk, timeMillis: number, sent: boolean, localPort: number): number {
    const at = chunk.base + chunk.count * memoryRowBytes;
    chunk.rows.setFloat64(at, timeMillis, true);
    chunk.rows.setUint8(at + 8, sent ? 1 : 0);
    chunk.rows.setUint16(at + 14, localPort, true);
    return at;
  }

  #finish(chunk: Chunk, packets: number): void {
    chunk.count += 1;
    chunk.packets += packets;
    this.#total += packets;
  }

  /** Of a request, OACK or ERROR: beside the rows where there is room, which costs no object. */
  #keepText(chunk: Chunk, at: number, datagram: Uint8Array): void {
    const length = Math.min(datagram.length, textBytesMax);
    if (chunk.rows !== slab || slabUsed + length > slabBytes) {
      this.#keep(chunk, new Uint8Array(datagram).slice(0, length));
      return;
    }
    for (let byte = 0; byte < length; byte++) {
      slab.setUint8(slabUsed + byte, datagram[byte] as number);
    }
    chunk.rows.setUint16(at + 20, slabUsed, true);
    chunk.rows.setUint16(at + 22, length, true);
    slabUsed += length;
    chunk.cost += length;
    this.#budget.bytes += length;
  }

  #keep(chunk: Chunk, bytes: Uint8Array): void {
    chunk.kept ??= new Map();
    chunk.kept.set(chunk.count, bytes);
    chunk.cost += bytes.length;
    this.#budget.bytes += bytes.length;
  }
}

function blockAt(run: Uint8Array, at: number): number {
  return ((run[at + 2] as number) << 8) | (run[at + 3] as number);
}

/** Whether the blocks follow each other, as they do unless the wire numbers begin anew. */
function isInOrder(run: Uint8Array, last: number, count: number): boolean {
  return run.length - last >= 4 && blockAt(run, last) === blockAt(run, 0) + count - 1;
}

function textOf({ rows, base }: Chunk, row: number): Uint8Array | undefined {
  const at = base + row * memoryRowBytes;
  const length = rows.getUint16(at + 22, true);
  if (length === 0) return undefined;
  return new Uint8Array(rows.buffer, rows.getUint16(at + 20, true), length).slice();
}

/** Writes the packets of a row into the table; returns where the next one goes. */
function expand({ rows, base }: Chunk, row: number, table: DataView, to: number): number {
  const from = base + row * memoryRowBytes;
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
