// Listening sockets that one process has bound and the next one takes over, with whatever waits in
// them. Nothing is read before `begin`: until then the old process does, and what its transfers
// still need of the sockets goes to and fro afterwards. It must not know what is listened for.

import { Run } from "../core/run.ts";
import type { Address, DatagramSocket, Network } from "../ports.ts";
import { type Link, type LinkMessage, nameOf } from "./link.ts";

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

/** Opens a socket that was taken, by its descriptor. */
type Begin = (how: { readonly fd: number }) => Promise<void>;

/** An old process that does not end in its time is not waited for. */
const patienceMillis = 1000;

/** The sockets that another process hands over. Who opens one of their addresses gets it. */
export class HandedOver {
  readonly #left: BoundSocket[];
  readonly #begins: (() => Promise<void>)[] = [];
  readonly #link: Link | undefined;
  readonly #ended: Promise<void>;
  /** Those that nobody has asked for, while the old process needs them. */
  readonly #kept = new Map<string, DatagramSocket>();
  /** The old process's own: what they send is passed on. */
  readonly #peers = new Set<string>();
  /** What the old process wants sent before there is anything to send it by. */
  #early: LinkMessage[] | undefined = [];
  #bound = false;
  #onYours: () => void = () => {};
  #socketAt: (name: string) => DatagramSocket | undefined = () => undefined;
  #network: Network | undefined;

  /** The descriptors are this process's own from now on. Without a `link` the old process needs
   * them no more. */
  constructor(sockets: readonly BoundSocket[], link?: Link) {
    this.#left = sockets.filter(({ fd }) => fd !== undefined);
    this.#link = link;
    this.#ended = new Promise((resolve) => {
      if (link) link.onClosed = resolve;
      else resolve();
    });
    if (link) link.onMessage = (message) => this.#handle(message);
    void this.#ended.then(() => this.#forget());
  }

  /** Asks for the sockets, and reads from now on; what nobody has asked for is closed. Throws
   * TftpError NETWORK for what is no UDP socket. */
  async begin(): Promise<void> {
    const yours = new Promise<void>((resolve) => {
      this.#onYours = resolve;
    });
    this.#link?.send({ kind: "ready" });
    // Who has ended needs nothing, and reads no more.
    await Promise.race([yours, this.#ended]);
    for (const begin of this.#begins) await begin();
    for (const { local, fd } of this.#left.splice(0)) {
      const unwanted = await this.#network?.open(local, { fd: fd as number });
      if (unwanted && this.#bound) this.#keep(unwanted);
      else await unwanted?.close();
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.#handle(message);
  }

  /** Resolves when the old process needs the sockets no more: it is told to end within
   * `graceMillis`. */
  async end(graceMillis: number): Promise<void> {
    if (!this.#bound) return;
    this.#link?.send({ kind: "end", graceMillis });
    let patience: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      patience = setTimeout(resolve, graceMillis + patienceMillis);
    });
    await Promise.race([this.#ended, late]);
    clearTimeout(patience);
  }

  /** Whose packets are for the old process, and whether it needs the sockets to answer them. */
  get owing(): { readonly peers: readonly string[]; readonly bound: boolean } {
    return { peers: [...this.#peers], bound: this.#bound };
  }

  /** Of the server that takes the sockets: those that it has, by name, and where to open others. */
  serve(socketAt: (name: string) => DatagramSocket | undefined, network: Network): void {
    this.#socketAt = socketAt;
    this.#network = network;
  }

  /** One that is bound to this address, for who asks first. `begin` is called when it is to be
   * read. */
  take({ host, port }: Address, begin: Begin): BoundSocket | undefined {
    const at = this.#left.findIndex(
      (each) => each.host === host && (port === 0 || port === each.local.port),
    );
    const [found] = at < 0 ? [] : this.#left.splice(at, 1);
    const { fd } = found ?? {};
    if (fd !== undefined) this.#begins.push(() => begin({ fd }));
    return found;
  }

  /** Whether it is for a transfer of the old process, and was passed on. */
  takes(datagram: Uint8Array, from: Address, local: Address): boolean {
    if (this.#peers.size === 0 || !this.#peers.has(nameOf(from))) return false;
    // What is too much is lost, as from a buffer that is full.
    if (this.#link?.writable) {
      this.#link.send({ kind: "heard", at: nameOf(local), datagram, from });
    }
    return true;
  }

  #handle(message: LinkMessage): void {
    if (message.kind === "yours") {
      for (const peer of message.peers) this.#peers.add(peer);
      this.#bound = message.bound;
      this.#onYours();
    } else if (this.#early) this.#early.push(message);
    else if (message.kind === "send") {
      const { at, run, segmentSize, to } = message;
      (this.#socketAt(at) ?? this.#kept.get(at))?.send(Run.of(run, segmentSize), to);
    } else if (message.kind === "heard") {
      this.#peers.delete(nameOf(message.from));
      this.#socketAt(message.at)?.onDatagram(message.datagram, message.from);
    }
  }

  #keep(socket: DatagramSocket): void {
    this.#kept.set(nameOf(socket.local), socket);
    socket.onDatagram = (datagram, from) => this.takes(datagram, from, socket.local);
  }

  #forget(): void {
    this.#bound = false;
    this.#peers.clear();
    for (const socket of this.#kept.values()) void socket.close();
    this.#kept.clear();
  }
}
