// Hears what is sent to broadcast addresses, where the sockets of our own addresses hear nothing,
// and knows which of these answers. It must not know what is heard.

import { networkInterfaces } from "node:os";
import type { Address, DatagramSocket, Network } from "../ports.ts";
import { type BoundSocket, boundSocket } from "./handed-over.ts";

/** Of our sockets, the one that answers this sender; none where it is in no network of ours. */
export type Answering = (from: Address) => DatagramSocket | undefined;

const everyHost = "255.255.255.255";

interface Subnet {
  /** Our address in it. */
  readonly host: string;
  readonly broadcast: string;
  readonly mask: number;
}

export class Broadcasts {
  readonly #network: Network;
  readonly #answerers: ReadonlyMap<string, DatagramSocket>;
  readonly #onSocket: (socket: DatagramSocket, answering: Answering) => void;
  readonly #sockets = new Map<string, DatagramSocket>();
  #subnets: readonly Subnet[] = [];

  /** `answerers`: the sockets of our own addresses, as they are at any time. */
  constructor(
    network: Network,
    answerers: ReadonlyMap<string, DatagramSocket>,
    onSocket: (socket: DatagramSocket, answering: Answering) => void,
  ) {
    this.#network = network;
    this.#answerers = answerers;
    this.#onSocket = onSocket;
  }

  /** Opens and closes what the addresses of the answerers ask for. What cannot be opened is no
   * loss to whoever asks our addresses, and is tried again. */
  async follow(port: number): Promise<void> {
    this.#subnets = subnets().filter(({ host }) => this.#answerers.has(host));
    const wanted = new Set(this.#subnets.map(({ broadcast }) => broadcast));
    if (wanted.size > 0) wanted.add(everyHost);
    for (const [host, socket] of this.#sockets) {
      if (wanted.has(host)) continue;
      this.#sockets.delete(host);
      await socket.close();
    }
    for (const host of wanted) if (!this.#sockets.has(host)) await this.#open({ host, port });
  }

  get bound(): readonly BoundSocket[] {
    return Array.from(this.#sockets, ([host, socket]) => boundSocket(host, socket));
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#sockets.values(), (socket) => socket.close()));
  }

  async #open(address: Address): Promise<void> {
    const opening = this.#network.open(address, { shared: true });
    const socket = await opening.catch(() => undefined);
    if (!socket) return;
    this.#sockets.set(address.host, socket);
    this.#onSocket(socket, (from) => this.#answering(address.host, from));
  }

  /** Who sends from another network is not answered: a packet that a router let through could
   * make every server there answer at once (RFC 1123 4.2.3.5). */
  #answering(heardAt: string, from: Address): DatagramSocket | undefined {
    const client = numberOf(from.host);
    const subnet = this.#subnets.find(({ host, broadcast, mask }) => {
      const near = ((numberOf(host) ^ client) & mask) === 0;
      return near && (heardAt === everyHost || heardAt === broadcast);
    });
    return subnet && this.#answerers.get(subnet.host);
  }
}

/** Whether this means many machines: who listens there alone has no address to answer from. */
export function isForMany(host: string): boolean {
  const isMulticast = /^(22[4-9]|23\d)\.|^ff/i.test(host);
  return isMulticast || host === everyHost || subnets().some(({ broadcast }) => broadcast === host);
}

/** The networks of our IPv4 addresses that have a broadcast address. */
function subnets(): Subnet[] {
  const found: Subnet[] = [];
  for (const { address: host, netmask, family, internal } of ownAddresses()) {
    const mask = family === "IPv4" ? numberOf(netmask) : -1;
    // A network of one or two addresses has none (RFC 3021).
    if (internal || mask >>> 0 >= 0xffff_fffe) continue;
    found.push({ host, mask, broadcast: textOf(numberOf(host) | ~mask) });
  }
  return found;
}

function ownAddresses() {
  try {
    return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  } catch {
    return []; // a sandbox, where the system does not tell
  }
}

function numberOf(host: string): number {
  return host.split(".").reduce((number, part) => (number << 8) | Number(part), 0);
}

function textOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}
