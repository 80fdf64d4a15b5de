// Datagrams back to back in memory, as one call of the system sends them. It must not know what
// they mean.

/** The memory may hold more, before and after: a view for each run would cost as much as to send a
 * short one. */
export class Run {
  readonly memory: Uint8Array;
  readonly start: number;
  readonly length: number;
  /** The bytes of each datagram; the last one may be shorter. */
  readonly segmentSize: number;

  constructor(memory: Uint8Array, start: number, length: number, segmentSize: number) {
    this.memory = memory;
    this.start = start;
    this.length = length;
    this.segmentSize = segmentSize;
  }

  /** All of the memory, as one datagram if nothing else is said. */
  static of(memory: Uint8Array, segmentSize: number = memory.length): Run {
    return new Run(memory, 0, memory.length, segmentSize);
  }

  get isOne(): boolean {
    return this.length <= this.segmentSize;
  }

  /** Of datagrams. */
  get count(): number {
    return Math.ceil(this.length / this.segmentSize);
  }

  /** A view. */
  get bytes(): Uint8Array {
    return this.memory.subarray(this.start, this.start + this.length);
  }

  /** `length` bytes from `at` on, or what there is of them. */
  part(at: number, length: number): Run {
    const { memory, start, segmentSize } = this;
    return new Run(memory, start + at, Math.min(length, this.length - at), segmentSize);
  }

  /** Each datagram as a run of its own. */
  *split(): Generator<Run> {
    const { length, segmentSize } = this;
    for (let at = 0; at < length; at += segmentSize) yield this.part(at, segmentSize);
  }

  /** Views. */
  *datagrams(): Generator<Uint8Array> {
    for (const run of this.split()) yield run.bytes;
  }
}
