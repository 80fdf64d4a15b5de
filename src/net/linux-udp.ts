// A DatagramSocket on node:dgram whose datagrams go through the C library, many in one call. Node
// still says when something has arrived. It must not know what the datagrams mean.

import { createSocket, type Socket } from "node:dgram";
import { Run } from "../core/run.ts";
import type { Address, DatagramSocket, OpenOptions } from "../ports.ts";
import { openDescriptor } from "./bound-descriptor.ts";
import type { Polled } from "./dwell.ts";
import { Exchange, type Sender } from "./exchange.ts";
import { Expectation } from "./expectation.ts";
import { partSize } from "./joined.ts";
import * as c from "./libc.ts";
import { batchSlots } from "./message-headers.ts";
import {
  answerAtOnce,
  bind,
  enlargeBuffers,
  isPeerGone,
  largeBufferBytes,
  receiveBuffer,
  socketType,
} from "./plain-udp.ts";
import { readingOf } from "./reading.ts";
import type { Outgoing } from "./send-batch.ts";

/** What the kernel cuts out of one run. */
const segmentsPerCall = 64;

/** Who sends on although the socket is not writable (an answer to a stranger) loses what is above
 * this. */
const waitingMax = 256;

/** How many batches a socket may take before others get their turn: what all its peers have sent
 * once, or those who share a port with many would be served more rarely than others. */
const batchesPerTurn = 16;

/** More than a receive buffer holds of full blocks. */
const droppedBatchesMax = 256;

let exchange: Exchange | undefined;

/** Undefined where there is no such thing, or where the plain way shall report what is wrong with
 * the address. */
export async function openLinuxSocket(
  local: Address,
  options: OpenOptions,
): Promise<DatagramSocket | undefined> {
  const libc = c.linuxLibc();
  const fd = libc && (options.fd ?? openDescriptor(libc, local, options));
  if (!libc || fd === undefined) return undefined;
  exchange ??= new Exchange(libc);
  const type = socketType(local.host);
  const socket = createSocket({ type, ipv6Only: type === "udp6", lookup: answerAtOnce });
  await bind(socket, { fd });
  // What listens at a known port may be handed over to another process.
  const isOurs = options.fd === undefined && local.port === 0;
  return new LinuxSocket(socket, fd, exchange, { ...options, isOurs });
}

type How = OpenOptions & { readonly isOurs: boolean };

interface Heard {
  readonly datagram: Uint8Array;
  readonly from: Address;
}

class LinuxSocket implements DatagramSocket, Polled, Sender {
  readonly local: Address;
  readonly fd: number;
  readonly maxSegments: number = segmentsPerCall;
  readonly isOurs: boolean;
  onDatagram: (datagram: Uint8Array, from: Address) => void = ignore;
  onWritable: () => void = ignore;
  onError: (error: Error, to?: Address) => void = ignore;
  readonly #socket: Socket;
  readonly #exchange: Exchange;
  #onJoined: (run: Run, from: Address) => void = ignore;
  #joinedSize = Number.POSITIVE_INFINITY;
  #closed: Promise<void> | undefined;
  readonly #late: Heard[] = [];
  readonly #reading: ReturnType<typeof readingOf>;
  #paused = false;
  readonly #expected = new Expectation(batchSlots);
  /** The kernel has no room: what follows waits here. */
  #waiting: Outgoing[] | undefined;
  /** To them the kernel cuts nothing: a segment does not fit the path's MTU, or a device cannot. */
  readonly #uncut = new WeakSet<Address>();

  constructor(socket: Socket, fd: number, shared: Exchange, how: How) {
    this.#socket = socket;
    this.fd = fd;
    this.isOurs = how.isOurs;
    this.#exchange = shared;
    const { address, port } = socket.address();
    this.local = { host: address, port };
    if (!how.lockStep) this.#enlargeBuffers();
    this.#reading = readingOf(socket);
    socket.on("message", (datagram, { address, port: number }) => {
      const from = shared.book.named(address, number);
      this.#pauseReading();
      if (!shared.dwell.hasTime()) this.#putOff({ datagram, from });
      else this.#hear([{ datagram, from }]);
    });
    socket.on("error", (error) => this.#report(error));
  }

  get receipt(): number | undefined {
    return this.#exchange.receipt;
  }

  get receiveBufferBytes(): number {
    return receiveBuffer(this.#socket);
  }

  get writable(): boolean {
    return this.#waiting === undefined;
  }

  send(run: Run, to: Address): void {
    if (this.#closed !== undefined) return;
    if (!run.isOne && this.#uncut.has(to)) this.#sendEach(run, to);
    else this.#send(run, to);
  }

  joinReceived(segmentSize: number, onJoined: (run: Run, from: Address) => void): void {
    this.#onJoined = onJoined;
    const { libc } = this.#exchange;
    if (c.setOption(libc, this.fd, c.SOL_UDP, [c.UDP_GRO, 1])) this.#joinedSize = segmentSize;
  }

  /** For this turn of the event loop: the rest is taken by calls that take many. */
  #pauseReading(): void {
    if (!this.#reading || this.#paused) return;
    this.#paused = true;
    this.#reading.recvStop();
    setImmediate(() => {
      this.#paused = false;
      if (this.#closed === undefined) this.#reading?.recvStart();
    });
  }

  /** What Node has read when the turn was over waits for the next one: alone, each datagram would
   * cost a call of its own for its answer. */
  #putOff(heard: Heard): void {
    this.#late.push(heard);
    if (this.#late.length === 1) setImmediate(() => this.#hear(this.#late.splice(0)));
  }

  #hear(first: readonly Heard[]): void {
    const { dwell } = this.#exchange;
    this.#exchange.gather(() => {
      this.#exchange.noteReceipt();
      for (const heard of first) this.#receiveByNode(heard);
      this.handleReadable();
    });
    if (this.#closed === undefined) dwell.after(this);
  }

  /** Takes what has arrived; perhaps not all, where little is expected. */
  handleReadable(waits = false): number {
    const { inbox } = this.#exchange;
    let heard = 0;
    for (let batches = 0; batches < batchesPerTurn && this.#closed === undefined; batches++) {
      const count = inbox.receive(this.fd, this.#expected.count, waits && batches === 0);
      this.#expected.told(count);
      this.#exchange.noteReceipt();
      heard += count;
      for (let slot = 0; slot < count; slot++) {
        this.#receive(inbox.datagram(slot), inbox.from(slot), inbox.segmentSize(slot));
      }
      if (count < batchSlots) return heard; // one that is full is looked at again soon
    }
    return heard;
  }

  /** `left`: the first was refused, the others were not even asked for. */
  refused([first, ...rest]: readonly Outgoing[], error: NodeJS.ErrnoException): void {
    if (this.#closed !== undefined || !first) return;
    const { run, to } = first;
    const { code = "" } = error;
    if (code === "EAGAIN" || code === "ENOBUFS") this.#wait(run, to);
    else if (!run.isOne && offloadRefusals.has(code)) {
      this.#uncut.add(to);
      this.#sendEach(run, to);
    } else setImmediate(() => this.#report(error, to));
    for (const { run, to } of rest) this.#send(run, to);
  }

  /** As Node does it, with its own errors, for what is not to be sent in another way. */
  sendPlainly(datagram: Uint8Array, to: Address, done: () => void = ignore): void {
    this.#exchange.dwell.unblock();
    try {
      this.#socket.send(datagram, to.port, to.host, (error) => {
        if (error) this.#report(error, to);
        done();
      });
    } catch (error) {
      // Port 0, for one: a datagram may come from it, none can go to it.
      process.nextTick(() => this.#report(error as Error, to));
    }
  }

  async close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#exchange.flush();
      this.#exchange.dwell.forget(this);
      this.#closed = new Promise((resolve) => this.#socket.close(resolve));
    }
    await this.#closed;
  }

  unref(): void {
    this.#socket.unref();
  }

  #enlargeBuffers(): void {
    enlargeBuffers(this.#socket);
    const { libc } = this.#exchange;
    for (const option of [c.SO_RCVBUFFORCE, c.SO_SNDBUFFORCE]) {
      c.setOption(libc, this.fd, c.SOL_SOCKET, [option, largeBufferBytes]);
    }
  }

  #send(run: Run, to: Address): void {
    if (!this.#waiting) this.#exchange.send(this, run, to);
    else if (this.#waiting.length < waitingMax) this.#waiting.push({ run, to });
  }

  #sendEach(run: Run, to: Address): void {
    for (const datagram of run.split()) this.#send(datagram, to);
  }

  /** One datagram goes through Node, which knows when there is room again. */
  #wait(run: Run, to: Address): void {
    if (this.#waiting) {
      this.#send(run, to); // of a batch after that of the one that waits
      return;
    }
    const { segmentSize } = run;
    const rest = run.part(segmentSize, Number.POSITIVE_INFINITY);
    this.#waiting = run.isOne ? [] : [{ run: rest, to }];
    this.sendPlainly(run.part(0, segmentSize).bytes, to, () => this.#goOn());
  }

  #goOn(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    if (this.#closed !== undefined) return;
    this.#exchange.gather(() => {
      for (const { run, to } of waiting) this.#send(run, to);
    });
    if (this.writable) this.onWritable();
  }

  /** The kernel could not tell Node what it has joined. */
  #receiveByNode({ datagram, from }: Heard): void {
    const size = partSize(datagram, this.#joinedSize);
    if (size !== undefined) this.#receive(datagram, from, size);
    else if (this.#closed === undefined) this.#separate();
  }

  /** What cannot be told apart is dropped. The peer sends it again, and that comes as it was sent;
   * so nothing may be left that is joined already. */
  #separate(): void {
    const { libc, inbox } = this.#exchange;
    c.setOption(libc, this.fd, c.SOL_UDP, [c.UDP_GRO, 0]);
    this.#joinedSize = Number.POSITIVE_INFINITY;
    for (let batches = 0; batches < droppedBatchesMax; batches++) {
      if (inbox.receive(this.fd, batchSlots) < batchSlots) return;
    }
  }

  #receive(datagram: Uint8Array, from: Address, segmentSize: number): void {
    if (this.#closed !== undefined) return;
    const size = segmentSize || datagram.length;
    if (size >= datagram.length) this.onDatagram(datagram, from);
    else if (size === this.#joinedSize) this.#onJoined(Run.of(datagram, size), from);
    else {
      for (let at = 0; at < datagram.length; at += size) {
        this.onDatagram(datagram.subarray(at, at + size), from);
      }
    }
  }

  #report(error: NodeJS.ErrnoException, to?: Address): void {
    if (this.#closed !== undefined || isPeerGone(error)) return;
    this.onError(error, to);
  }
}

const offloadRefusals: ReadonlySet<string> = new Set(["EINVAL", "EMSGSIZE", "EIO", "EOPNOTSUPP"]);

function ignore(): void {}
