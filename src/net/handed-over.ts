// Listening sockets that one process has bound and the next one takes over, with whatever waits in
// them. Nothing is read before `begin`: until then the old process does. It must not know what is
// listened for.

import type { Address, DatagramSocket, Network, OpenOptions } from "../ports.ts";

/** A listening socket, as another process has to know it. */
export interface BoundSocket {
  /** The address that was asked for. */
  readonly host: string;
  readonly local: Address;
  /** Undefined where Node does not tell it. */
  readonly fd: number | undefined;
}

export function boundSocket(host: string, { local, fd }: DatagramSocket): BoundSocket {
  return { host, local, fd };
}

/** The sockets that another process hands over. Who opens one of their addresses gets it. */
export class HandedOver {
  readonly #left: BoundSocket[];
  readonly #taken: LateSocket[] = [];
  #network: Network | undefined;

  /** The descriptors are this process's own from now on. */
  constructor(sockets: readonly BoundSocket[]) {
    this.#left = sockets.filter(({ fd }) => fd !== undefined);
  }

  /** The same network, where these sockets are open already. */
  before(network: Network): Network {
    this.#network = network;
    return {
      ...network,
      open: async (local, options) =>
        this.#take(network, local, options) ?? (await network.open(local, options)),
    };
  }

  /** Reads from now on; what nobody has asked for is closed. Throws TftpError NETWORK for what is
   * no UDP socket. */
  async begin(): Promise<void> {
    for (const socket of this.#taken) await socket.begin();
    for (const { local, fd } of this.#left.splice(0)) {
      const unwanted = await this.#network?.open(local, { fd: fd as number });
      await unwanted?.close();
    }
  }

  #take(network: Network, { host, port }: Address, how: OpenOptions = {}): LateSocket | undefined {
    const at = this.#left.findIndex(
      (each) => each.host === host && (port === 0 || port === each.local.port),
    );
    const [found] = at < 0 ? [] : this.#left.splice(at, 1);
    if (!found) return undefined;
    const { local, fd = -1 } = found;
    const late = new LateSocket(local, fd, () => network.open(local, { ...how, fd }));
    this.#taken.push(late);
    return late;
  }
}

class LateSocket implements DatagramSocket {
  readonly local: Address;
  readonly fd: number;
  onDatagram: DatagramSocket["onDatagram"] = () => {};
  onWritable: () => void = () => {};
  onError: DatagramSocket["onError"] = () => {};
  readonly #open: () => Promise<DatagramSocket>;
  #socket: DatagramSocket | undefined;
  #closed = false;

  constructor(local: Address, fd: number, open: () => Promise<DatagramSocket>) {
    this.local = local;
    this.fd = fd;
    this.#open = open;
  }

  async begin(): Promise<void> {
    const socket = await this.#open();
    this.#socket = socket;
    socket.onDatagram = (datagram, from) => this.onDatagram(datagram, from);
    socket.onWritable = () => this.onWritable();
    socket.onError = (error, to) => this.onError(error, to);
    if (this.#closed) await socket.close();
  }

  get maxSegments(): number {
    return this.#socket?.maxSegments ?? 1;
  }

  get receiveBufferBytes(): number {
    return this.#socket?.receiveBufferBytes ?? 0;
  }

  get writable(): boolean {
    return this.#socket?.writable ?? true;
  }

  send(run: Uint8Array, segmentSize: number, to: Address): void {
    this.#socket?.send(run, segmentSize, to);
  }

  joinReceived(segmentSize: number): void {
    this.#socket?.joinReceived(segmentSize);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#socket?.close();
  }

  unref(): void {
    this.#socket?.unref();
  }
}
