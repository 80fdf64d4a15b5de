// Listening sockets that move from process to process while they are in use: one that comes is not
// read before its time, one that has gone is spoken through by way of the process that has it. It
// must not know what is listened for.

import type { Run } from "../core/run.ts";
import type { Address, DatagramSocket, Network, OpenOptions } from "../ports.ts";
import type { HandedOver } from "./handed-over.ts";
import { type Link, type LinkMessage, nameOf } from "./link.ts";

/** Is shown what goes through a socket of another process. */
export interface Sight {
  sent?(run: Run, local: Address, to: Address): void;
  received?(datagram: Uint8Array, local: Address, from: Address): void;
}

/** All of a server. */
export class MovableSockets {
  readonly #network: Network;
  readonly #handedOver: HandedOver | undefined;
  readonly #sight: Sight | undefined;
  readonly #sockets = new Map<string, MovableSocket>();

  constructor(network: Network, handedOver?: HandedOver, sight?: Sight) {
    this.#network = network;
    this.#handedOver = handedOver;
    this.#sight = sight;
    handedOver?.serve((name) => this.#sockets.get(name), network);
  }

  /** The same network, whose sockets can move. */
  get network(): Network {
    return { ...this.#network, open: (local, options) => this.#open(local, options) };
  }

  /** One that is bound already. */
  add(socket: DatagramSocket): DatagramSocket {
    const movable = this.#place(socket.local);
    movable.begin(socket);
    return movable;
  }

  /** What is sent goes by way of the other process, and so comes what it hears for us. Our own
   * sockets are heard until they are closed. */
  moveTo(link: Link, onEnd: (graceMillis: number) => void): void {
    for (const socket of this.#sockets.values()) socket.moveTo(link, this.#sight);
    link.onMessage = (message) => {
      if (message.kind === "end") onEnd(message.graceMillis);
      else if (message.kind === "heard") this.#heard(message);
    };
    link.onWritable = () => {
      for (const socket of this.#sockets.values()) socket.onWritable();
    };
  }

  #heard({ at, datagram, from }: Extract<LinkMessage, { kind: "heard" }>): void {
    const socket = this.#sockets.get(at);
    if (!socket) return;
    this.#sight?.received?.(datagram, socket.local, from);
    this.#hear(socket, datagram, from);
  }

  async #open(local: Address, options?: OpenOptions): Promise<DatagramSocket> {
    const begin = async (how: OpenOptions): Promise<void> => {
      movable?.begin(await this.#network.open(movable.local, { ...options, ...how }));
    };
    const left = this.#handedOver?.take(local, begin);
    const movable = left && this.#place(left.local, left.fd);
    return movable ?? this.add(await this.#network.open(local, options));
  }

  #place(local: Address, fd?: number): MovableSocket {
    const name = nameOf(local);
    const movable: MovableSocket = new MovableSocket(local, fd, {
      hear: (datagram, from) => this.#hear(movable, datagram, from),
      gone: () => {
        if (this.#sockets.get(name) === movable) this.#sockets.delete(name);
      },
    });
    this.#sockets.set(name, movable);
    return movable;
  }

  #hear(socket: MovableSocket, datagram: Uint8Array, from: Address): void {
    if (this.#handedOver?.takes(datagram, from, socket.local)) return;
    socket.onDatagram(datagram, from);
  }
}

interface Surroundings {
  hear(datagram: Uint8Array, from: Address): void;
  /** Closed, and not moved. */
  gone(): void;
}

class MovableSocket implements DatagramSocket {
  readonly local: Address;
  onDatagram: DatagramSocket["onDatagram"] = () => {};
  onWritable: () => void = () => {};
  onError: DatagramSocket["onError"] = () => {};
  readonly #fd: number | undefined;
  readonly #around: Surroundings;
  #socket: DatagramSocket | undefined;
  #link: Link | undefined;
  #sight: Sight | undefined;
  #movedBufferBytes: number | undefined;
  #closed = false;

  constructor(local: Address, fd: number | undefined, around: Surroundings) {
    this.local = local;
    this.#fd = fd;
    this.#around = around;
  }

  /** Is read, and sent through, from now on. */
  begin(socket: DatagramSocket): void {
    this.#socket = socket;
    socket.onDatagram = (datagram, from) => this.#around.hear(datagram, from);
    socket.onWritable = () => this.onWritable();
    socket.onError = (error, to) => this.onError(error, to);
    if (this.#closed) void socket.close();
  }

  moveTo(link: Link, sight: Sight | undefined): void {
    const hadRoom = this.writable;
    this.#movedBufferBytes = this.receiveBufferBytes; // our own socket will be closed
    this.#link = link;
    this.#sight = sight;
    if (!hadRoom) this.onWritable(); // the socket will be closed before it tells
  }

  get fd(): number | undefined {
    return this.#fd ?? this.#socket?.fd;
  }

  get maxSegments(): number {
    return this.#socket?.maxSegments ?? 1;
  }

  get receipt(): number | undefined {
    return this.#socket?.receipt;
  }

  get receiveBufferBytes(): number {
    return this.#movedBufferBytes ?? this.#socket?.receiveBufferBytes ?? 0;
  }

  get writable(): boolean {
    return (this.#link ?? this.#socket)?.writable ?? true;
  }

  send(run: Run, to: Address): void {
    if (!this.#link) {
      this.#socket?.send(run, to);
      return;
    }
    this.#sight?.sent?.(run, this.local, to);
    const { bytes, segmentSize } = run;
    this.#link.send({ kind: "send", at: nameOf(this.local), run: bytes, segmentSize, to });
  }

  joinReceived(segmentSize: number, onJoined: (run: Run, from: Address) => void): void {
    this.#socket?.joinReceived(segmentSize, onJoined);
  }

  /** Where it has moved, this ends what is heard here. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#link) this.#around.gone();
    await this.#socket?.close();
  }

  unref(): void {
    this.#socket?.unref();
  }
}
