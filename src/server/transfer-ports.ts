// From which port of ours a transfer is served: one that reads share, one of its own, or the port
// that was asked. It must not know what is transferred.

import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, Network, OpenOptions } from "../ports.ts";
import { keyOf } from "../transfer/peer.ts";
import { SharedPort } from "../transfer/shared-port.ts";
import { openBroadcastPort } from "./broadcast-port.ts";
import { type OnOther, PortPool } from "./port-pool.ts";
import type { RangedPorts } from "./port-range.ts";

/** What is wanted of a port. */
export interface Wanted {
  readonly peer: Address;
  /** Only ACKs come from the peer, so that others' may come to the same port. */
  readonly read: boolean;
  readonly lockStep: boolean;
  /** The address that was asked, where that was a broadcast: the client may go on so. */
  readonly broadcast: string | undefined;
}

export interface Ports {
  /** A socket for one transfer with a client that asked at `asked`, at once if there is one.
   * Throws TftpError NETWORK. */
  open(asked: Address, wanted: Wanted): DatagramSocket | Promise<DatagramSocket>;
  /** Whatever is not in use is closed now, the rest when it is not used any more. */
  close(): Promise<void>;
}

/** Ports for transfers, chosen by the system or from a range, on the address that was asked. In a
 * range uploads share ports too, if need be: they are bounded, transfers are not. */
export class TransferPorts implements Ports {
  readonly #network: Network;
  readonly #range: RangedPorts | undefined;
  readonly #pool: PortPool;

  constructor(network: Network, random: () => number, onOther: OnOther, range?: RangedPorts) {
    this.#network = network;
    this.#range = range;
    this.#pool = new PortPool(random(), (host) => this.#openSocket(host, {}), onOther);
  }

  open({ host }: Address, wanted: Wanted): DatagramSocket | Promise<DatagramSocket> {
    const { peer, read, lockStep, broadcast } = wanted;
    if (broadcast !== undefined) {
      const own = this.#openSocket(host, { lockStep });
      return openBroadcastPort(this.#network, own, { peer, broadcast });
    }
    if (read) return this.#pool.take(host, peer);
    return this.#range ? this.#pool.takeEmpty(host, peer) : this.#openSocket(host, { lockStep });
  }

  /** This address has come, perhaps not for the first time: what is bound to an interface that is
   * gone stays bound to it, also where a new one has its name. */
  renew(host: string): void {
    this.#pool.renew(host);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #openSocket(host: string, options: OpenOptions): Promise<DatagramSocket> {
    return this.#range?.open(host, options) ?? this.#network.open({ host, port: 0 }, options);
  }
}

/** The port that was asked itself: what passes the request through a firewall or a NAT then passes
 * the transfer too. */
export class ListeningPorts implements Ports {
  readonly #ports = new Map<string, SharedPort>();
  readonly #forBroadcasts: Ports | undefined;

  /** `forBroadcasts`: who asked by broadcast goes on by unicast, which others may hear that listen
   * on the same port. */
  constructor(forBroadcasts?: Ports) {
    this.#forBroadcasts = forBroadcasts;
  }

  /** `onOther` gets requests and what belongs to no transfer, `onError` what becomes of answers
   * to them. */
  add(
    socket: DatagramSocket,
    onOther: (datagram: Uint8Array, from: Address) => void,
    onError: (error: Error) => void,
  ): void {
    const port = new SharedPort(socket, onOther);
    port.onError = onError;
    this.#ports.set(keyOf(socket.local), port);
  }

  open(asked: Address, wanted: Wanted): DatagramSocket | Promise<DatagramSocket> {
    if (wanted.broadcast !== undefined && this.#forBroadcasts) {
      return this.#forBroadcasts.open(asked, wanted);
    }
    const port = this.#ports.get(keyOf(asked));
    if (!port) throw new TftpError("NETWORK", "the address that was asked is gone");
    return port.place(wanted.peer);
  }

  /** Those that were asked are closed by who opened them. */
  async close(): Promise<void> {
    await this.#forBroadcasts?.close();
  }
}
