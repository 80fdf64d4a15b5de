// Sees every datagram that goes through a Network, and changes none. It must not know what the
// datagrams mean, nor who sends them.

import type { Run } from "../core/run.ts";
import type { Address, DatagramSocket, Network } from "../ports.ts";

/** What is to be seen; what is left out costs nothing. Bytes are only lent for the call. None of
 * these may throw. */
export interface PacketTap {
  sent?(run: Run, local: Address, to: Address): void;
  received?(datagram: Uint8Array, local: Address, from: Address): void;
  /** What is shown from now on, until this is called again, is of one moment: many datagrams arrive
   * at once, and the answers to them leave at once. To ask the time for each would be dear. */
  moment?(): void;
  /** A socket was opened, and it was closed. */
  opened?(local: Address): void;
  closed?(local: Address): void;
  /** A way to `remote` was looked up: datagrams to it leave from `host`. */
  routed?(host: string, remote: Address): void;
}

/** The same network, watched. */
export function tappedNetwork(network: Network, tap: PacketTap): Network {
  const moments = new Moments(tap);
  return {
    ...network,
    open: async (local, options) => watched(await network.open(local, options), tap, moments),
    route: async (remote) => {
      const route = await network.route(remote);
      tap.routed?.(route.host, remote);
      return route;
    },
  };
}

function watched(socket: DatagramSocket, tap: PacketTap, moments: Moments): DatagramSocket {
  tap.opened?.(socket.local);
  const { sent, received, closed } = tap;
  return sent || received || closed ? new TappedSocket(socket, tap, moments) : socket;
}

/** Tells of each moment once, whatever socket it is noticed at. */
class Moments {
  readonly #tap: PacketTap;
  #receipt: number | undefined;

  constructor(tap: PacketTap) {
    this.#tap = tap;
  }

  note(receipt: number | undefined): void {
    if (receipt !== undefined && receipt === this.#receipt) return;
    this.#receipt = receipt;
    this.#tap.moment?.();
  }
}

/** One class for all, instead of changes to each socket, keeps the way of a packet fast. */
class TappedSocket implements DatagramSocket {
  readonly local: Address;
  readonly #socket: DatagramSocket;
  readonly #tap: PacketTap;
  readonly #moments: Moments;
  #closed = false;

  constructor(socket: DatagramSocket, tap: PacketTap, moments: Moments) {
    this.#socket = socket;
    this.#tap = tap;
    this.#moments = moments;
    this.local = socket.local;
  }

  get onDatagram(): DatagramSocket["onDatagram"] {
    return this.#socket.onDatagram;
  }

  set onDatagram(handle: DatagramSocket["onDatagram"]) {
    const tap = this.#tap;
    const socket = this.#socket;
    const moments = this.#moments;
    const { local } = this;
    if (!tap.received) socket.onDatagram = handle;
    else {
      socket.onDatagram = (datagram, from) => {
        moments.note(socket.receipt);
        tap.received?.(datagram, local, from);
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

  send(run: Run, to: Address): void {
    this.#moments.note(this.#socket.receipt);
    this.#tap.sent?.(run, this.local, to);
    this.#socket.send(run, to);
  }

  joinReceived(segmentSize: number, onJoined: (run: Run, from: Address) => void): void {
    const tap = this.#tap;
    this.#socket.joinReceived(segmentSize, (run, from) => {
      this.#moments.note(this.#socket.receipt);
      if (tap.received) for (const each of run.datagrams()) tap.received(each, this.local, from);
      onJoined(run, from);
    });
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
