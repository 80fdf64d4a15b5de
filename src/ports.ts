// All that the outside must offer, as types. What implements them lives in net/ and storage/.

import type { Millis, Mode, Options } from "./core/packet.ts";
import type { Run } from "./core/run.ts";

/** A numeric IP address (IPv6 without brackets, link-local with `%zone`) and a UDP port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One bound UDP socket. The three handlers are set by whoever uses it. */
export interface DatagramSocket {
  readonly local: Address;
  /** The descriptor, where it can be told: another process may take the socket over by it. To ask
   * may take a while. */
  readonly fd?: number | undefined;
  /** How many equal datagrams one `send` may carry. With offload that is one system call; without
   * it a batch, so that a window does not take a turn for each block. */
  readonly maxSegments: number;
  /** While received datagrams are handled: the same number for all that had arrived before. At
   * other times, and where nobody counts: undefined. */
  readonly receipt?: number | undefined;
  /** The size of the receive buffer as the kernel gave it. */
  readonly receiveBufferBytes: number;
  /** False while earlier datagrams wait for the kernel: send no more and change none of their bytes
   * until `onWritable`. */
  readonly writable: boolean;
  /** Never throws. */
  send(run: Run, to: Address): void;
  /** The datagram is the receiver's to keep; but one as short as an ACK (4 bytes) is only lent for
   * the call. */
  onDatagram: (datagram: Uint8Array, from: Address) => void;
  onWritable: () => void;
  /** Somebody else than the peer has sent to a port that others share, but had to itself now. */
  onStranger?: (from: Address) => void;
  /** Datagrams of this size may from now on be received many in one call, where the system can.
   * `onJoined` gets them, as a run whose memory is the receiver's to keep and to change; all others
   * go to `onDatagram`. */
  joinReceived(segmentSize: number, onJoined: (run: Run, from: Address) => void): void;
  /** A datagram could not be sent (`to` whom), or the socket broke. */
  onError: (error: Error, to?: Address) => void;
  /** Idempotent; no handler is called any more. */
  close(): Promise<void>;
  /** The process may end although the socket is open. */
  unref(): void;
}

export interface Clock {
  now(): Millis;
  /** Calls `wake` once, never before `deadline`. The result takes the call back. */
  at(deadline: Millis, wake: () => void): () => void;
  /** Calls `run` soon, after the network had its turn. */
  soon(run: () => void): void;
}

export interface Network {
  /** Opens a socket on `local`; port 0 takes any free one. Throws TftpError NETWORK. */
  open(local: Address, options?: OpenOptions): Promise<DatagramSocket>;
  /** The addresses of a host name, to be asked in turn; at least one, and one of each family at
   * most. Throws TftpError NETWORK. */
  resolve(host: string): Promise<readonly string[]>;
  /** How this host reaches `remote`. Throws TftpError NETWORK. */
  route(remote: Address): Promise<Route>;
  /** The largest packet, in bytes, that leaves whole from this address of ours. */
  mtu(host: string): Promise<number>;
  /** Whether more arrives than can be answered, or nearly so. Default: never. */
  isBusy?(): boolean;
}

export interface OpenOptions {
  /** One packet at a time each way: the system's own buffers do, and are had for nothing. */
  readonly lockStep?: boolean;
  /** Others may listen on the same port: the system gives each of them its share of the peers. */
  readonly reusePort?: boolean;
  /** Others may hear the same address and port: for broadcast addresses, where each hears all. */
  readonly shared?: boolean;
  /** A descriptor that is bound to the address already; it is closed with the socket. */
  readonly fd?: number;
  /** IP precedence (RFC 2474), 0 to 63. Throws NETWORK where the system cannot be told. */
  readonly dscp?: number;
}

export interface Route {
  /** The local address that is used. */
  readonly host: string;
  /** In bytes, of the interface. */
  readonly mtu: number;
  /** What the receive buffer of a socket holds. */
  readonly receiveBufferBytes: number;
}

/** What a storage may know of a request. */
export interface RequestInfo {
  readonly client: Address;
  readonly mode: Mode;
  readonly options: Options;
  /** What the client said it will send (tsize of a WRQ), in bytes. */
  readonly size?: number;
}

/** Where files come from and go to. A name is the client's own, unchecked. Both calls throw
 * TftpError. */
export interface Storage {
  openRead(name: string, request: RequestInfo): Promise<Source>;
  /** The same for what is at hand; undefined: ask `openRead`. Never throws. A promise would cost a
   * small file as much as its transfer. Requests with the same number `receipt` had all arrived
   * before the first of them was handled: what was seen for it is as true for the others. */
  readAtHand?(name: string, request: RequestInfo, receipt?: number): Source | undefined;
  openWrite(name: string, request: RequestInfo): Promise<Sink>;
}

export interface Source {
  /** In bytes, where it is known before the first read; reads then give exactly so many. */
  readonly size?: number;
  /** Equal versions of one name have equal content, which is then encoded once for all and read in
   * any order. Without one nothing is shared, and positions rise without a gap. It is another one,
   * or none, after a read that cannot tell for sure that the content is still the same. */
  readonly version?: string | undefined;
  /** Of the whole content, in hexadecimal, where the storage has made sure of it. */
  readonly sha256?: string;
  /** Fills the parts from `position` on and returns the number of bytes; fewer than asked only at
   * the end. */
  readv(into: readonly Uint8Array[], position: number): Promise<number>;
  close(): Promise<void>;
}

export interface Sink {
  /** Of what was committed, in hexadecimal, where the storage tells it. */
  readonly sha256?: string | undefined;
  /** Takes the payloads in order; when it returns they may be reused. */
  writev(payloads: readonly Uint8Array[]): Promise<void>;
  /** The same at once; false: nothing was taken, ask `writev`. Never throws. In lock-step a promise
   * would cost as much as the exchange. */
  writeAtOnce?(payloads: readonly Uint8Array[]): boolean;
  /** Returns when the whole content is durably stored under its name. Who is to end waits for it a
   * minute, and then calls the transfer failed and leaves the sink alone. */
  commit(): Promise<void>;
  /** Leaves no trace. Never throws. */
  discard(): Promise<void>;
}
