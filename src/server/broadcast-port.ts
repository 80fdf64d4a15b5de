// The port of a transfer whose client asked by broadcast, and may acknowledge by broadcast too:
// sends from our own address, hears both. It must not know what is transferred.

import type { Run } from "../core/run.ts";
import type { Address, DatagramSocket, Network, OpenOptions } from "../ports.ts";

/** What sockets of our own addresses never hear is heard by a second socket, on the same port of
 * the broadcast address. Throws TftpError NETWORK. */
export async function openBroadcastPort(
  network: Network,
  own: Promise<DatagramSocket>,
  { peer, broadcast }: { readonly peer: Address; readonly broadcast: string },
): Promise<DatagramSocket> {
  const socket = await own;
  const options: OpenOptions = { lockStep: true, shared: true };
  const address = { host: broadcast, port: socket.local.port };
  // Most clients go on by unicast: without the second socket they are still served.
  const ear = await network.open(address, options).catch(() => undefined);
  return ear ? new BroadcastPort(socket, ear, peer) : socket;
}

class BroadcastPort implements DatagramSocket {
  readonly #socket: DatagramSocket;
  readonly #ear: DatagramSocket;
  onDatagram: (datagram: Uint8Array, from: Address) => void = () => {};

  /** `peer`: what others broadcast is not for us, and no reason to answer. */
  constructor(socket: DatagramSocket, ear: DatagramSocket, peer: Address) {
    this.#socket = socket;
    this.#ear = ear;
    socket.onDatagram = (datagram, from) => this.onDatagram(datagram, from);
    ear.onDatagram = (datagram, from) => {
      if (from.port === peer.port && from.host === peer.host) this.onDatagram(datagram, from);
    };
  }

  get local(): Address {
    return this.#socket.local;
  }

  get maxSegments(): number {
    return this.#socket.maxSegments;
  }

  get receiveBufferBytes(): number {
    return this.#ear.receiveBufferBytes;
  }

  get writable(): boolean {
    return this.#socket.writable;
  }

  set onWritable(handler: () => void) {
    this.#socket.onWritable = handler;
  }

  set onError(handler: (error: Error, to?: Address) => void) {
    this.#socket.onError = handler;
  }

  set onStranger(handler: (from: Address) => void) {
    this.#socket.onStranger = handler;
  }

  send(run: Run, to: Address): void {
    this.#socket.send(run, to);
  }

  joinReceived(segmentSize: number, onJoined: (run: Run, from: Address) => void): void {
    this.#socket.joinReceived(segmentSize, onJoined);
  }

  async close(): Promise<void> {
    await Promise.all([this.#socket.close(), this.#ear.close()]);
  }

  unref(): void {
    this.#socket.unref();
    this.#ear.unref();
  }
}
