// Ports of ours that many reads share. The clients of one network have the same, which the system
// has chosen and nobody else learns. It must not know what is transferred.

import type { Address, DatagramSocket } from "../ports.ts";
import { SharedPort } from "../transfer/shared-port.ts";
import { prefixHash } from "./address.ts";

/** The answers of all on one port have to fit its receive buffer, in which the kernel counts a
 * small datagram with what surrounds it; and all are heard in one turn of the port. */
const answerBytes = 1024;
const [placesMin, placesMax] = [64, 512];
/** A port that has served so many is given up. */
const servedMax = 16_384;
/** To so many groups networks belong, by a secret of ours: who claims to be in ever new ones opens
 * no more ports than these, and who is in a few knows the port of few others. */
const groupsMax = 1024;
/** A peer that comes back has the choice of so many ports, on which it is not known. */
const choices = 4;
/** Ports without a transfer that stay open. */
const idleMax = 16;

interface Pooled {
  readonly port: SharedPort;
  readonly group: Group;
  /** For so many transfers at once. */
  readonly places: number;
  served: number;
}

interface Opening {
  readonly pooled: Promise<Pooled>;
  /** By so many transfers. */
  awaited: number;
}

interface Group {
  readonly ports: Pooled[];
  readonly openings: Opening[];
}

/** What the server does with a datagram that belongs to no transfer of its port. */
export type OnOther = (datagram: Uint8Array, from: Address, socket: DatagramSocket) => void;

export class PortPool {
  readonly #secret: number;
  readonly #openSocket: (host: string) => Promise<DatagramSocket>;
  readonly #onOther: OnOther;
  /** By our own address, and then by the number of the client's group. */
  readonly #hosts = new Map<string, Group[]>();
  readonly #idle = new Set<Pooled>();
  #closed = false;

  /** `secret`: from 0 to 1. */
  constructor(
    secret: number,
    openSocket: (host: string) => Promise<DatagramSocket>,
    onOther: OnOther,
  ) {
    this.#secret = secret * 2 ** 32;
    this.#openSocket = openSocket;
    this.#onOther = onOther;
  }

  /** A socket for what is exchanged with `peer`, at once if there is one. Throws what opening a
   * port throws, unless there is another one. */
  take(host: string, peer: Address): DatagramSocket | Promise<DatagramSocket> {
    const group = this.#groupOf(host, peer);
    const pooled = fitting(group.ports, peer);
    if (pooled) return this.#place(pooled, peer);
    return this.#takeOpened(host, peer, shared(group) ?? this.#open(host, group));
  }

  /** The same on a port without other transfers, if there can be one. */
  takeEmpty(host: string, peer: Address): DatagramSocket | Promise<DatagramSocket> {
    for (const pooled of this.#idle) {
      const { port } = pooled;
      if (port.socket.local.host === host && !port.knows(peer)) return this.#place(pooled, peer);
    }
    return this.#takeOpened(host, peer, this.#open(host, this.#groupOf(host, peer)));
  }

  /** What is open on this address serves who has it, and nobody else. */
  renew(host: string): void {
    const ports = this.#portsOf(host);
    this.#hosts.delete(host);
    for (const pooled of ports) {
      pooled.served = servedMax;
      if (pooled.port.size === 0) void this.#drop(pooled);
    }
  }

  /** What is not in use is closed now, the rest when the last one leaves. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#idle].map((pooled) => this.#drop(pooled)));
  }

  #groupOf(host: string, peer: Address): Group {
    let groups = this.#hosts.get(host);
    if (!groups) {
      groups = [];
      this.#hosts.set(host, groups);
    }
    const number = prefixHash(peer.host, this.#secret) % groupsMax;
    groups[number] ??= { ports: [], openings: [] };
    return groups[number];
  }

  #portsOf(host: string): Pooled[] {
    return (this.#hosts.get(host) ?? []).flatMap(({ ports }) => ports);
  }

  /** A crowd that comes while ports are being opened shares these, in its order: of one peer the
   * latest is heard. Where none can be opened, one more transfer on a port that is open harms less
   * than none. */
  async #takeOpened(host: string, peer: Address, opening: Opening): Promise<DatagramSocket> {
    opening.awaited += 1;
    try {
      return this.#place(await opening.pooled, peer);
    } catch (thrown) {
      const least = leastUsed(this.#portsOf(host), peer);
      if (!least) throw thrown;
      return this.#place(least, peer);
    }
  }

  #open(host: string, group: Group): Opening {
    const opening = { pooled: this.#opened(host, group), awaited: 0 };
    group.openings.push(opening);
    const settled = (): void => {
      group.openings.splice(group.openings.indexOf(opening), 1);
    };
    opening.pooled.then(settled, settled);
    return opening;
  }

  async #opened(host: string, group: Group): Promise<Pooled> {
    const socket = await this.#openSocket(host);
    const port: SharedPort = new SharedPort(
      socket,
      (datagram, from) => this.#onOther(datagram, from, socket),
      () => this.#rest(pooled),
    );
    const room = Math.floor(socket.receiveBufferBytes / answerBytes);
    const places = Math.max(placesMin, Math.min(placesMax, room));
    const pooled: Pooled = { port, group, places, served: 0 };
    group.ports.push(pooled);
    return pooled;
  }

  #place(pooled: Pooled, peer: Address): DatagramSocket {
    pooled.served += 1;
    this.#idle.delete(pooled);
    return pooled.port.place(peer);
  }

  #rest(pooled: Pooled): void {
    this.#idle.add(pooled);
    if (this.#closed || pooled.served >= servedMax) void this.#drop(pooled);
    for (const longest of this.#idle) {
      if (this.#idle.size <= idleMax) return;
      void this.#drop(longest);
    }
  }

  #drop(pooled: Pooled): Promise<void> {
    const { ports } = pooled.group;
    const at = ports.indexOf(pooled);
    if (at >= 0) ports.splice(at, 1);
    this.#idle.delete(pooled);
    return pooled.port.socket.close();
  }
}

/** One with room, if possible not one where the peer was before: what it sent then may be late. */
function fitting(ports: readonly Pooled[], peer: Address): Pooled | undefined {
  let second: Pooled | undefined;
  for (const pooled of ports) {
    if (pooled.port.size >= pooled.places || pooled.served >= servedMax) continue;
    if (!pooled.port.knows(peer)) return pooled;
    second ??= pooled;
  }
  return ports.length < choices ? undefined : second;
}

function shared({ openings }: Group): Opening | undefined {
  return openings.find(({ awaited }) => awaited < placesMin);
}

function leastUsed(ports: readonly Pooled[], peer: Address): Pooled | undefined {
  const rank = ({ port }: Pooled): number => port.size + (port.knows(peer) ? placesMax : 0);
  return ports.toSorted((a, b) => rank(a) - rank(b))[0];
}
