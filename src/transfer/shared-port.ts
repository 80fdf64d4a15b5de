// One socket for many transfers, told apart by the address and port of the peer. What comes from
// strangers, and every request, goes to the opener of the port. Knows nothing of the transfers.

import { isRequest } from "../core/packet.ts";
import type { Run } from "../core/run.ts";
import { textHash } from "../core/text-hash.ts";
import type { Address, DatagramSocket } from "../ports.ts";
import { keyOf } from "./peer.ts";

/** So many peers, at least, whose late packets are still known as such. Where more come in a second
 * they are near, and so are their packets. */
const formerPeers = 1024;

export class SharedPort {
  readonly socket: DatagramSocket;
  /** Something could not be sent, and it concerns no transfer here. */
  onError: (error: Error) => void = () => {};
  readonly #places = new Map<string, Place>();
  /** A socket that gives the same object for the same peer saves the key. */
  readonly #known = new Map<Address, Place>();
  /** Peers that had a place here: what they sent for it may still arrive. */
  #former = new Set<number>();
  #formerBefore = new Set<number>();
  readonly #onOther: (datagram: Uint8Array, from: Address) => void;
  readonly #onEmpty: () => void;

  /** Takes over the handlers of `socket`, which stays its opener's to close. `onOther` gets what
   * belongs to no transfer; `onEmpty` is called whenever the last one has left. */
  constructor(
    socket: DatagramSocket,
    onOther: (datagram: Uint8Array, from: Address) => void,
    onEmpty: () => void = () => {},
  ) {
    this.socket = socket;
    this.#onOther = onOther;
    this.#onEmpty = onEmpty;
    socket.onDatagram = (datagram, from) => this.#handleDatagram(datagram, from);
    socket.onWritable = () => {
      for (const place of [...this.#places.values()]) place.onWritable();
    };
    socket.onError = (error, to) => {
      const place = to && this.#places.get(keyOf(to));
      if (place) place.onError(error);
      else this.onError(error);
    };
  }

  /** How many transfers are here. */
  get size(): number {
    return this.#places.size;
  }

  /** Whether the peer is here, or was lately: to it a new transfer would look like the old one. */
  knows(peer: Address): boolean {
    const key = keyOf(peer);
    return this.#places.has(key) || this.#wasHere(peer);
  }

  /** A socket for what is exchanged with `peer`. A former one for the same peer gets no more. */
  place(peer: Address): DatagramSocket {
    const key = keyOf(peer);
    const place: Place = new Place(this.socket, () => {
      if (this.#known.get(peer) === place) this.#known.delete(peer);
      if (this.#places.get(key) !== place) return;
      this.#places.delete(key);
      this.#remember(peer);
      if (this.#places.size === 0) this.#onEmpty();
    });
    this.#places.set(key, place);
    this.#known.set(peer, place);
    return place;
  }

  #handleStranger(datagram: Uint8Array, from: Address): void {
    // Whom it was meant for can only be told where there is one.
    if (this.#places.size === 1) {
      for (const place of this.#places.values()) place.onStranger(from);
    }
    this.#onOther(datagram, from);
  }

  #wasHere(peer: Address): boolean {
    const mark = markOf(peer);
    return this.#former.has(mark) || this.#formerBefore.has(mark);
  }

  /** In two halves, because to find the oldest of a set takes time. */
  #remember(peer: Address): void {
    this.#former.add(markOf(peer));
    if (this.#former.size < formerPeers) return;
    this.#formerBefore = this.#former;
    this.#former = new Set();
  }

  #handleDatagram(datagram: Uint8Array, from: Address): void {
    if (isRequest(datagram)) {
      this.#onOther(datagram, from);
      return;
    }
    const known = this.#known.get(from);
    if (known) known.onDatagram(datagram, from);
    else this.#find(datagram, from);
  }

  #find(datagram: Uint8Array, from: Address): void {
    const key = keyOf(from);
    const place = this.#places.get(key);
    if (place) place.onDatagram(datagram, from);
    // To answer a late packet with ERROR 5 would end the peer's next transfer from the same port.
    else if (!this.#wasHere(from)) this.#handleStranger(datagram, from);
  }
}

/** Small numbers: texts that are kept so long cost more than the transfer of a small file. */
function markOf({ host, port }: Address): number {
  return textHash(host, port) & 0x3fff_ffff;
}

class Place implements DatagramSocket {
  readonly #socket: DatagramSocket;
  readonly #leave: () => void;
  #open = true;
  onDatagram: (datagram: Uint8Array, from: Address) => void = () => {};
  onWritable: () => void = () => {};
  onError: (error: Error) => void = () => {};
  onStranger: (from: Address) => void = () => {};

  constructor(socket: DatagramSocket, leave: () => void) {
    this.#socket = socket;
    this.#leave = leave;
  }

  get local(): Address {
    return this.#socket.local;
  }

  get maxSegments(): number {
    return this.#socket.maxSegments;
  }

  get receiveBufferBytes(): number {
    return this.#socket.receiveBufferBytes;
  }

  get writable(): boolean {
    return this.#socket.writable;
  }

  send(run: Run, to: Address): void {
    if (this.#open) this.#socket.send(run, to);
  }

  /** Not here: the others' datagrams have other sizes. */
  joinReceived(): void {}

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.onDatagram = this.onWritable = this.onError = this.onStranger = () => {};
    this.#leave();
  }

  /** The port stays open for others. */
  unref(): void {}
}
