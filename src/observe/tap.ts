// Sees every datagram that goes through a Network, and changes none. It must not know what the
// datagrams mean, nor who sends them.

import type { Address, DatagramSocket, Network } from "../ports.ts";

/** What is to be seen; what is left out costs nothing. Bytes are only lent for the call. None of
 * these may throw. */
export interface PacketTap {
  /** `run` holds datagrams of `segmentSize` bytes, the last one perhaps shorter. */
  sent?(run: Uint8Array, segmentSize: number, local: Address, to: Address): void;
  /** What has the same number `receipt` had arrived before the first of it was shown. */
  received?(datagram: Uint8Array, local: Address, from: Address, receipt?: number): void;
  /** A socket was opened, and it was closed. */
  opened?(local: Address): void;
  closed?(local: Address): void;
  /** A way to `remote` was looked up: datagrams to it leave from `host`. */
  routed?(host: string, remote: Address): void;
}

/** The same network, watched. */
export function tappedNetwork(network: Network, tap: PacketTap): Network {
  return {
    ...network,
    open: async (local, options) => watched(await network.open(local, options), tap),
    route: async (remote) => {
      const route = await network.route(remote);
      tap.routed?.(route.host, remote);
      return route;
    },
  };
}

function watched(socket: DatagramSocket, tap: PacketTap): DatagramSocket {
  tap.opened?.(socket.local);
  return tap.sent || tap.received || tap.closed ? new TappedSocket(socket, tap) : socket;
}

/** One class for all, instead of changes to each socket, keeps the way of a packet fast. */
class TappedSocket implements DatagramSocket {
  readonly local: Address;
  readonly #socket: DatagramSocket;
  readonly #tap: PacketTap;
  #closed = false;

  constructor(socket: DatagramSocket, tap: PacketTap) {
    this.#socket = socket;
    this.#tap = tap;
    this.local = socket.local;
  }

  get onDatagram(): DatagramSocket["onDatagram"] {
    return this.#socket.onDatagram;
  }

  set onDatagram(handle: DatagramSocket["onDatagram"]) {
    const tap = this.#tap;
    if (!tap.received) this.#socket.onDatagram = handle;
    else {
      this.#socket.onDatagram = (datagram, from) => {
        tap.received?.(datagram, this.local, from, this.#socket.receipt);
        handle(datagram, from);
      };
    }
  }

  get fd(): number | undefined {
    return this.#socket.fd;
  }

  get maxSegments(): number {
    return this.#socket.maxSegments;
  }

  get receipt(): number | undefined {
    return this.#socket.receipt;
  }

  get receiveBufferBytes(): number {
    return this.#socket.receiveBufferBytes;
  }

  get writable(): boolean {
    return this.#socket.writable;
  }

  get onWritable(): () => void {
    return this.#socket.onWritable;
  }

  set onWritable(handle: () => void) {
    this.#socket.onWritable = handle;
  }

  get onError(): DatagramSocket["onError"] {
    return this.#socket.onError;
  }

  set onError(handle: DatagramSocket["onError"]) {
    this.#socket.onError = handle;
  }

  send(run: Uint8Array, segmentSize: number, to: Address): void {
    this.#tap.sent?.(run, segmentSize, this.local, to);
    this.#socket.send(run, segmentSize, to);
  }

  joinReceived(segmentSize: number): void {
    this.#socket.joinReceived(segmentSize);
  }

  close(): Promise<void> {
    if (!this.#closed) this.#tap.closed?.(this.local);
    this.#closed = true;
    return this.#socket.close();
  }

  unref(): void {
    this.#socket.unref();
  }
}
