// From which port of ours a transfer is served: one of a few that many share, one of its own, or
// the port that was asked. It must not know what is transferred.

import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, Network } from "../ports.ts";
import { SharedPort } from "../transfer/shared-port.ts";

/** With more, the answers of all would not fit the receive buffer. */
const placesMax = 64;
/** A port that has served so many is given up. */
const servedMax = 16_384;
/** So many are open once there is anything to do: who forges ACKs has to guess the port, and gains
 * less by a packet to each than by a request (RFC 1350 4 wants TIDs hard to guess). */
const portsMin = 16;

/** What is wanted of a port. */
export interface Wanted {
  readonly peer: Address;
  /** An ACK gets no more than a packet, and nothing large comes from the peer. */
  readonly small: boolean;
  readonly lockStep: boolean;
}

interface Pooled {
  readonly port: SharedPort;
  served: number;
}

/** What the server does with a datagram that belongs to no transfer of its port. */
type OnOther = (datagram: Uint8Array, from: Address, socket: DatagramSocket) => void;

export interface Ports {
  /** A socket for one transfer with a client that asked at `asked`, at once if there is one.
   * Throws TftpError NETWORK. */
  open(asked: Address, wanted: Wanted): DatagramSocket | Promise<DatagramSocket>;
  /** Whatever is not in use is closed now, the rest when it is not used any more. */
  close(): Promise<void>;
}

/** Ports for transfers, chosen by the system, on the address that was asked. */
export class TransferPorts implements Ports {
  readonly #network: Network;
  readonly #onOther: OnOther;
  readonly #pools = new Map<string, Pooled[]>();

  readonly #random: () => number;
  #closed = false;

  constructor(network: Network, random: () => number, onOther: OnOther) {
    this.#network = network;
    this.#random = random;
    this.#onOther = onOther;
  }

  open({ host }: Address, wanted: Wanted): DatagramSocket | Promise<DatagramSocket> {
    const { peer, small, lockStep } = wanted;
    if (!small) return this.#network.open({ host, port: 0 }, { lockStep });
    const pool = this.#pools.get(host) ?? [];
    const from = Math.floor(this.#random() * pool.length);
    let shared: Pooled | undefined;
    for (let step = 0; step < pool.length && pool.length >= portsMin; step++) {
      const pooled = pool[(from + step) % pool.length] as Pooled;
      if (pooled.port.size >= placesMax || pooled.served >= servedMax) continue;
      if (!pooled.port.knows(peer)) return take(pooled, peer);
      shared ??= pooled;
    }
    return shared ? take(shared, peer) : this.#openPooled(host, peer);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()].flat();
    this.#pools.clear();
    const idle = pools.filter(({ port }) => port.size === 0);
    await Promise.all(idle.map(({ port }) => port.socket.close()));
  }

  async #openPooled(host: string, peer: Address): Promise<DatagramSocket> {
    const socket = await this.#network.open({ host, port: 0 });
    const port: SharedPort = new SharedPort(
      socket,
      (datagram, from) => this.#onOther(datagram, from, socket),
      () => this.#left(host, pooled),
    );
    const pooled: Pooled = { port, served: 0 };
    const pool = this.#pools.get(host) ?? [];
    this.#pools.set(host, pool);
    pool.push(pooled);
    return take(pooled, peer);
  }

  #left(host: string, pooled: Pooled): void {
    const pool = this.#pools.get(host) ?? [];
    const at = pool.indexOf(pooled);
    if (!this.#closed && at >= 0 && pooled.served < servedMax && pool.length <= portsMin) return;
    if (at >= 0) pool.splice(at, 1);
    void pooled.port.socket.close();
  }
}

function take(pooled: Pooled, peer: Address): DatagramSocket {
  pooled.served += 1;
  return pooled.port.place(peer);
}

/** The port that was asked itself: what passes the request through a firewall or a NAT then passes
 * the transfer too. */
export class ListeningPorts implements Ports {
  readonly #ports = new Map<string, SharedPort>();

  /** `onOther` gets requests and what belongs to no transfer. */
  add(socket: DatagramSocket, onOther: (datagram: Uint8Array, from: Address) => void): void {
    this.#ports.set(keyOf(socket.local), new SharedPort(socket, onOther));
  }

  open(asked: Address, { peer }: Wanted): DatagramSocket {
    const port = this.#ports.get(keyOf(asked));
    if (!port) throw new TftpError("NETWORK", "the address that was asked is gone");
    return port.place(peer);
  }

  /** They are closed by who opened them. */
  async close(): Promise<void> {}
}

function keyOf({ host, port }: Address): string {
  return `${host} ${port}`;
}
