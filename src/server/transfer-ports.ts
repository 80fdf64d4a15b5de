// From which port of ours a transfer is served: one of a few that many share, one of its own, or
// the port that was asked. It must not know what is transferred.

import { TftpError } from "../core/errors.ts";
import { parseDecimal } from "../core/options.ts";
import type { Options } from "../core/packet.ts";
import type { Address, DatagramSocket, Network, OpenOptions } from "../ports.ts";
import { keyOf } from "../transfer/peer.ts";
import { SharedPort } from "../transfer/shared-port.ts";
import { prefixHash } from "./address.ts";
import { openBroadcastPort } from "./broadcast-port.ts";
import type { RangedPorts } from "./port-range.ts";

/** The answers of all on one port have to fit its receive buffer, in which the kernel counts a
 * small datagram with what surrounds it. */
const answerBytes = 1024;
const [placesMin, placesMax] = [64, 256];
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
  /** The address that was asked, where that was a broadcast: the client may go on so. */
  readonly broadcast: string | undefined;
}

/** An ACK then gets one packet that fits an Ethernet frame, at most. */
export function asksLittle(options: Options): boolean {
  const blksize = parseDecimal(options.get("blksize")?.value ?? "") ?? 0;
  return !options.has("windowsize") && blksize <= 1468;
}

interface Pooled {
  readonly port: SharedPort;
  /** For so many transfers at once. */
  readonly places: number;
  served: number;
}

interface Opening {
  readonly pooled: Promise<Pooled>;
  /** By so many transfers. */
  awaited: number;
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

/** Ports for transfers, chosen by the system or from a range, on the address that was asked. In a
 * range uploads share ports too, if need be: they are bounded, transfers are not. */
export class TransferPorts implements Ports {
  readonly #network: Network;
  readonly #secret: number;
  readonly #onOther: OnOther;
  readonly #range: RangedPorts | undefined;
  readonly #pools = new Map<string, Pooled[]>();
  readonly #openings = new Map<string, Opening[]>();
  #closed = false;

  constructor(network: Network, random: () => number, onOther: OnOther, range?: RangedPorts) {
    this.#network = network;
    this.#secret = random() * 2 ** 32;
    this.#onOther = onOther;
    this.#range = range;
  }

  open({ host }: Address, wanted: Wanted): DatagramSocket | Promise<DatagramSocket> {
    const { peer, small, lockStep, broadcast } = wanted;
    if (broadcast !== undefined) {
      const own = this.#openSocket(host, { lockStep });
      return openBroadcastPort(this.#network, own, { peer, broadcast });
    }
    if (small) {
      const pooled = this.#shared(host, peer);
      return pooled ? take(pooled, peer) : this.#openShared(host, peer);
    }
    if (!this.#range) return this.#openSocket(host, { lockStep });
    const empty = this.#poolOf(host).find(({ port }) => port.size === 0 && !port.knows(peer));
    return empty ? take(empty, peer) : this.#takeNew(this.#openPooled(host), host, peer);
  }

  /** This address has come, perhaps not for the first time: what is bound to an interface that is
   * gone stays bound to it, also where a new one has its name. */
  renew(host: string): void {
    const pool = this.#poolOf(host);
    this.#pools.delete(host);
    for (const { port } of pool) if (port.size === 0) void port.socket.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pools = [...this.#pools.values()].flat();
    this.#pools.clear();
    const idle = pools.filter(({ port }) => port.size === 0);
    await Promise.all(idle.map(({ port }) => port.socket.close()));
  }

  #openSocket(host: string, options: OpenOptions): Promise<DatagramSocket> {
    return this.#range?.open(host, options) ?? this.#network.open({ host, port: 0 }, options);
  }

  #poolOf(host: string): Pooled[] {
    return this.#pools.get(host) ?? [];
  }

  /** One with room, the same for all of one network, so that a call serves many of them and those
   * of others do not learn it; if there is a choice, not one where the peer was before. */
  #shared(host: string, peer: Address): Pooled | undefined {
    const pool = this.#poolOf(host);
    if (pool.length < portsMin) return undefined;
    const from = prefixHash(peer.host, this.#secret) % pool.length;
    let second: Pooled | undefined;
    for (let step = 0; step < pool.length; step++) {
      const pooled = pool[(from + step) % pool.length] as Pooled;
      if (pooled.port.size >= pooled.places || pooled.served >= servedMax) continue;
      if (!pooled.port.knows(peer)) return pooled;
      second ??= pooled;
    }
    return second;
  }

  /** A crowd that comes while ports are being opened shares these. */
  #openShared(host: string, peer: Address): Promise<DatagramSocket> {
    const openings = this.#openings.get(host) ?? [];
    const opening = openings.find(({ awaited }) => awaited < placesMin);
    if (!opening || openings.length + this.#poolOf(host).length < portsMin) {
      return this.#takeNew(this.#openPooled(host), host, peer);
    }
    opening.awaited += 1;
    return this.#takeNew(opening.pooled, host, peer);
  }

  /** Where a range has no port left, one more transfer on a port that is open harms less than
   * none. */
  async #takeNew(opened: Promise<Pooled>, host: string, peer: Address): Promise<DatagramSocket> {
    try {
      return take(await opened, peer);
    } catch (thrown) {
      const least = leastUsed(this.#poolOf(host), peer);
      if (!this.#range || !least) throw thrown;
      return take(least, peer);
    }
  }

  async #openPooled(host: string): Promise<Pooled> {
    const opening = { pooled: this.#openPort(host), awaited: 1 };
    const openings = this.#openings.get(host) ?? [];
    this.#openings.set(host, openings);
    openings.push(opening);
    try {
      return await opening.pooled;
    } finally {
      openings.splice(openings.indexOf(opening), 1);
    }
  }

  async #openPort(host: string): Promise<Pooled> {
    const socket = await this.#openSocket(host, {});
    const port: SharedPort = new SharedPort(
      socket,
      (datagram, from) => this.#onOther(datagram, from, socket),
      () => this.#left(host, pooled),
    );
    const room = Math.floor(socket.receiveBufferBytes / answerBytes);
    const places = Math.max(placesMin, Math.min(placesMax, room));
    const pooled: Pooled = { port, places, served: 0 };
    const pool = this.#poolOf(host);
    this.#pools.set(host, pool);
    pool.push(pooled);
    return pooled;
  }

  #left(host: string, pooled: Pooled): void {
    const pool = this.#poolOf(host);
    const at = pool.indexOf(pooled);
    if (!this.#closed && at >= 0 && pooled.served < servedMax && pool.length <= portsMin) return;
    if (at >= 0) pool.splice(at, 1);
    void pooled.port.socket.close();
  }
}

/** Where no other port is to be had, one more transfer on one of these harms less than none. */
function leastUsed(pool: readonly Pooled[], peer: Address): Pooled | undefined {
  const rank = ({ port }: Pooled): number => port.size + (port.knows(peer) ? placesMax : 0);
  return pool.toSorted((a, b) => rank(a) - rank(b))[0];
}

function take(pooled: Pooled, peer: Address): DatagramSocket {
  pooled.served += 1;
  return pooled.port.place(peer);
}

/** The port that was asked itself: what passes the request through a firewall or a NAT then passes
 * the transfer too. */
export class ListeningPorts implements Ports {
  readonly #ports = new Map<string, SharedPort>();

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

  open(asked: Address, { peer }: Wanted): DatagramSocket {
    const port = this.#ports.get(keyOf(asked));
    if (!port) throw new TftpError("NETWORK", "the address that was asked is gone");
    return port.place(peer);
  }

  /** They are closed by who opened them. */
  async close(): Promise<void> {}
}
