// A DatagramSocket on node:dgram. It runs wherever Node does, one system call a datagram.
// It must not know what the datagrams mean.

import { type BindOptions, createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, OpenOptions } from "../ports.ts";
import { bindError } from "./bind-error.ts";
import { joinedPart } from "./joined.ts";
import { type Descriptor, openDescriptor } from "./udp-offload.ts";

const largeBufferBytes = 4 * 1024 * 1024;

/** Each send is a system call of its own, but a window of 64 should not take 64 turns. */
const segmentsPerTurn = 16;
/** What the kernel takes in one call with segmentation offload. */
const segmentsPerCall = 64;

/** Who sends on although the socket is not writable (an answer to a stranger) loses what is above
 * this. */
const waitingDatagramsMax = 256;

/** Opens a UDP socket on `local`; port 0 takes any free one. Throws TftpError NETWORK. */
export async function openSocket(
  local: Address,
  options: OpenOptions = {},
): Promise<DatagramSocket> {
  const type = socketType(local.host);
  const socket = createSocket({ type, ipv6Only: type === "udp6", lookup: answerAtOnce });
  const descriptor = openDescriptor(local);
  try {
    const { host, port } = local;
    await bind(socket, descriptor ? { fd: descriptor.fd } : { address: host, port });
  } catch (cause) {
    socket.close();
    throw bindError(local, cause as NodeJS.ErrnoException);
  }
  return new NodeSocket(socket, options, descriptor);
}

/** A socket that somebody else has bound. Throws TftpError NETWORK; the descriptor is closed with
 * the result. */
export async function adoptSocket(fd: number, type: "udp4" | "udp6"): Promise<DatagramSocket> {
  const socket = createSocket({ type, lookup: answerAtOnce });
  try {
    await bind(socket, { fd });
  } catch (cause) {
    socket.close();
    throw new TftpError("NETWORK", `descriptor ${fd} cannot be listened on`, {
      hint: "Hand over a UDP socket that is bound and not connected.",
      cause,
    });
  }
  return new NodeSocket(socket, {}, undefined);
}

export function socketType(host: string): "udp4" | "udp6" {
  return isIPv6(host) ? "udp6" : "udp4";
}

/** Without a lookup of its own an unconnected socket asks the resolver in every send, even for an
 * address, and sends in a later turn. What is not an address fails in the send. */
export function answerAtOnce(
  host: string,
  options: unknown,
  done: (error: null, host: string, family: number) => void,
): void {
  done(null, host, options === 6 ? 6 : 4);
}

/** `exclusive`: in a cluster the workers would otherwise share the socket. */
function bind(socket: Socket, where: BindOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ ...where, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

class NodeSocket implements DatagramSocket {
  readonly local: Address;
  onDatagram: (datagram: Uint8Array, from: Address) => void = ignore;
  onWritable: () => void = ignore;
  onError: (error: Error) => void = ignore;
  readonly #socket: Socket;
  readonly #descriptor: Descriptor | undefined;
  /** As set in the kernel; 0: none. */
  #segmentSize = 0;
  #segments: boolean;
  #joinedSize = Number.POSITIVE_INFINITY;
  #closed: Promise<void> | undefined;
  #waiting = false;

  constructor(socket: Socket, options: OpenOptions, descriptor: Descriptor | undefined) {
    this.#socket = socket;
    this.#descriptor = descriptor;
    this.#segments = descriptor !== undefined;
    const { address, port } = socket.address();
    this.local = { host: address, port };
    if (!options.lockStep) enlargeBuffers(socket);
    socket.on("message", (datagram, from) => {
      if (this.#closed === undefined) this.#receive(datagram, from);
    });
    socket.on("error", (error) => this.#report(error));
  }

  get receiveBufferBytes(): number {
    return receiveBuffer(this.#socket);
  }

  get maxSegments(): number {
    return this.#segments ? segmentsPerCall : segmentsPerTurn;
  }

  /** False once the kernel did not take a datagram at once: libuv holds a pointer to it, not a
   * copy. */
  get writable(): boolean {
    return !this.#waiting;
  }

  send(run: Uint8Array, segmentSize: number, to: Address): void {
    const socket = this.#socket;
    if (this.#closed !== undefined) return;
    if (this.#waiting && socket.getSendQueueCount() >= waitingDatagramsMax) return;
    try {
      if (this.#setSegments(run.length, segmentSize)) this.#sendRun(run, segmentSize, to);
      else this.#sendEach(run, segmentSize, to);
    } catch (error) {
      // Port 0, for one: a datagram may come from it, none can go to it.
      process.nextTick(() => this.#report(error as Error));
    }
    this.#waiting = socket.getSendQueueCount() > 0;
  }

  /** True: the kernel is set to cut the run. */
  #setSegments(runBytes: number, segmentSize: number): boolean {
    if (!this.#segments) return false;
    // What is shorter than a segment goes out whole in any case.
    const wanted = runBytes > segmentSize ? segmentSize : 0;
    if (wanted !== this.#segmentSize && runBytes > this.#segmentSize) {
      if (!this.#descriptor?.setSegmentSize(wanted)) this.#segments = false;
      this.#segmentSize = wanted;
    }
    return wanted > 0 && this.#segments;
  }

  #sendRun(run: Uint8Array, segmentSize: number, to: Address): void {
    this.#socket.send(run, to.port, to.host, (error) => {
      if (error && isRefusedOffload(error) && this.#segments) {
        // A segment does not fit the path's MTU, or the device cannot do it: one by one, then.
        this.#segments = false;
        this.#descriptor?.setSegmentSize(0);
        this.send(run, segmentSize, to);
      } else this.#sent(error);
    });
  }

  /** Of a run only the first and the last datagram get a callback, because each costs a turn of the
   * queue of ticks. What is wrong with the route or the size is wrong with the first; the last one
   * tells that all are gone. */
  #sendEach(run: Uint8Array, segmentSize: number, to: Address): void {
    for (let at = 0; at < run.length; at += segmentSize) {
      const end = Math.min(at + segmentSize, run.length);
      const done = at === 0 || end === run.length ? this.#sent : undefined;
      this.#socket.send(run.subarray(at, end), to.port, to.host, done);
    }
  }

  joinReceived(segmentSize: number): void {
    if (this.#descriptor?.joinReceived()) this.#joinedSize = segmentSize;
  }

  #receive(datagram: Uint8Array, { address, port }: RemoteInfo): void {
    const from = { host: address, port };
    const size = joinedPart(datagram, this.#joinedSize);
    if (size === datagram.length) this.onDatagram(datagram, from);
    else {
      for (let at = 0; at < datagram.length; at += size) {
        this.onDatagram(datagram.subarray(at, at + size), from);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    await this.#closed;
  }

  unref(): void {
    this.#socket.unref();
  }

  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#report(error);
    if (this.#closed !== undefined || !this.#waiting) return;
    if (this.#socket.getSendQueueCount() > 0) return;
    this.#waiting = false;
    this.onWritable();
  };

  /** "Refused" is the ICMP answer to an earlier datagram, in Windows "reset". On a socket with many
   * peers it says nothing of which; a peer that is gone shows by its silence. */
  #report(error: NodeJS.ErrnoException): void {
    if (this.#closed !== undefined) return;
    if (error.code === "ECONNREFUSED" || error.code === "ECONNRESET") return;
    this.onError(error);
  }
}

function isRefusedOffload({ code }: NodeJS.ErrnoException): boolean {
  return code === "EINVAL" || code === "EMSGSIZE" || code === "EIO" || code === "EOPNOTSUPP";
}

function ignore(): void {}

/** The kernel may give less than it is asked for. */
export function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(largeBufferBytes);
    socket.setSendBufferSize(largeBufferBytes);
  } catch {
    // Some systems refuse what others cut down. The default size works too.
  }
}

/** How many bytes of datagrams the receive buffer holds. Linux reports twice what it granted,
 * because it counts its own bookkeeping too: half is payload, less with datagrams under 1 KiB. */
export function receiveBuffer(socket: Socket): number {
  const reported = socket.getRecvBufferSize();
  return process.platform === "linux" ? reported / 2 : reported;
}
