// One socket for many transfers, told apart by the address and port of the peer. What comes from
// strangers, and every request, goes to the opener of the port. Knows nothing of the transfers.

import { isRequest } from "../core/packet.ts";
import type { Run } from "../core/run.ts";
import type { Address, DatagramSocket } from "../ports.ts";
import { type Entry, markOf, PeerTable } from "./peer-table.ts";

/** So many peers, at least, whose late packets are still known as such. Where more come in a second
 * they are near, and so are their packets. */
const formerPeers = 1024;

export class SharedPort {
  readonly socket: DatagramSocket;
  /** Something could not be sent, and it concerns no transfer here. */
  onError: (error: Error) => void = () => {};
  readonly #places = new PeerTable<Place>();
  /** The place that is told first of room, counted from the oldest. */
  #nextToSend = 0;
  /** Peers that had a place here: what they sent for it may still arrive. */
  #former = new Set<number>();
  #formerBefore = new Set<number>();
  readonly #onOther: (datagram: Uint8Array, from: Address) => void;
  readonly #onEmpty: () => void;
  readonly #onLeave: (place: Place) => void;

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
    this.#onLeave = (place) => this.#handleLeave(place);
    socket.onDatagram = (datagram, from) => this.#handleDatagram(datagram, from);
    socket.onWritable = () => this.#handleWritable();
    socket.onError = (error, to) => {
      const place = to && this.#places.get(to);
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
    const mark = markOf(peer);
    return this.#places.get(peer, mark) !== undefined || this.#wasHere(mark);
  }

  /** A socket for what is exchanged with `peer`. A former one for the same peer gets and sends no
   * more. */
  place(peer: Address): DatagramSocket {
    const place = new Place(this.socket, peer, this.#onLeave);
    this.#places.set(place)?.supersede();
    return place;
  }

  /** Who found no room goes first the next time: the others would fill it again and again. */
  #handleWritable(): void {
    const places = this.#places.values();
    const start = this.#nextToSend;
    for (let step = 0; step < places.length && this.socket.writable; step++) {
      this.#nextToSend = (start + step + 1) % places.length;
      places[(start + step) % places.length]?.onWritable();
    }
  }

  #handleLeave(place: Place): void {
    if (!this.#places.delete(place)) return;
    this.#remember(place.mark);
    if (this.#places.size === 0) this.#onEmpty();
  }

  #handleStranger(datagram: Uint8Array, from: Address): void {
    // Whom it was meant for can only be told where there is one.
    if (this.#places.size === 1) {
      for (const place of this.#places.values()) place.onStranger(from);
    }
    this.#onOther(datagram, from);
  }

  #wasHere(mark: number): boolean {
    return this.#former.has(mark) || this.#formerBefore.has(mark);
  }

  /** In two halves, because to find the oldest of a set takes time. */
  #remember(mark: number): void {
    this.#former.add(mark);
    if (this.#former.size < formerPeers) return;
    this.#formerBefore = this.#former;
    this.#former = new Set();
  }

  #handleDatagram(datagram: Uint8Array, from: Address): void {
    if (isRequest(datagram)) {
      this.#onOther(datagram, from);
      return;
    }
    const mark = markOf(from);
    const place = this.#places.get(from, mark);
    if (place) place.onDatagram(datagram, from);
    // To answer a late packet with ERROR 5 would end the peer's next transfer from the same port.
    else if (!this.#wasHere(mark)) this.#handleStranger(datagram, from);
  }
}

class Place implements DatagramSocket, Entry<Place> {
  readonly peer: Address;
  readonly mark: number;
  next: Place | undefined;
  before: Place | undefined;
  after: Place | undefined;
  readonly #socket: DatagramSocket;
  readonly #onLeave: (place: Place) => void;
  #open = true;
  /** Another one has its peer. */
  #superseded = false;
  onDatagram: (datagram: Uint8Array, from: Address) => void = ignore;
  onWritable: () => void = ignore;
  onError: (error: Error) => void = ignore;
  onStranger: (from: Address) => void = ignore;

  constructor(socket: DatagramSocket, peer: Address, onLeave: (place: Place) => void) {
    this.#socket = socket;
    this.peer = peer;
    this.mark = markOf(peer);
    this.#onLeave = onLeave;
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
    return this.#superseded || this.#socket.writable;
  }

  send(run: Run, to: Address): void {
    if (this.#open && !this.#superseded) this.#socket.send(run, to);
  }

  /** Whoever waits to send would wait for ever, for nobody tells it any more. */
  supersede(): void {
    this.#superseded = true;
    this.onWritable();
  }

  /** Not here: the others' datagrams have other sizes. */
  joinReceived(): void {}

  close(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      this.onDatagram = this.onWritable = this.onError = this.onStranger = ignore;
      this.#onLeave(this);
    }
    return closed;
  }

  /** The port stays open for others. */
  unref(): void {}
}

const closed = Promise.resolve();

function ignore(): void {}
