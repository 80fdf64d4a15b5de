// A DatagramSocket on node:dgram alone. It runs wherever Node does, one system call a datagram.
// It must not know what the datagrams mean.

import { type BindOptions, createSocket, type Socket } from "node:dgram";
import { TftpError } from "../core/errors.ts";
import type { Run } from "../core/run.ts";
import type { Address, DatagramSocket, OpenOptions } from "../ports.ts";
import { descriptorOf } from "./descriptors.ts";

export const largeBufferBytes: number = 4 * 1024 * 1024;

/** Each send is a system call of its own, but a window of 64 should not take 64 turns. */
const segmentsPerTurn = 16;

/** Who sends on although the socket is not writable (an answer to a stranger) loses what is above
 * this. */
const waitingDatagramsMax = 256;

/** Opens a UDP socket on `local`; port 0 takes any free one. Throws what the system says. */
export async function openPlainSocket(
  { host, port }: Address,
  options: OpenOptions,
): Promise<DatagramSocket> {
  const type = socketType(host);
  const { reusePort = false, shared = false, fd } = options;
  const socket = createSocket({
    ...{ type, ipv6Only: type === "udp6", reuseAddr: shared, lookup: answerAtOnce },
    ...(reusePort ? { reusePort } : {}), // known from Node 22.12 on
  });
  try {
    await bind(socket, fd === undefined ? { address: host, port } : { fd });
  } catch (error) {
    socket.close();
    throw error;
  }
  return new PlainSocket(socket, options);
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
  return new PlainSocket(socket, { fd });
}

/** Of a numeric address. `isIPv6` would compile an expression that takes 5 ms at the start. */
export function socketType(host: string): "udp4" | "udp6" {
  return host.includes(":") ? "udp6" : "udp4";
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
export function bind(socket: Socket, where: BindOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ ...where, exclusive: true }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

class PlainSocket implements DatagramSocket {
  readonly local: Address;
  readonly maxSegments: number = segmentsPerTurn;
  onDatagram: (datagram: Uint8Array, from: Address) => void = ignore;
  onWritable: () => void = ignore;
  onError: (error: Error, to?: Address) => void = ignore;
  readonly #socket: Socket;
  readonly #fd: number | undefined;
  #closed: Promise<void> | undefined;
  #waiting = false;

  constructor(socket: Socket, options: OpenOptions) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.local = { host: address, port };
    this.#fd = options.fd;
    if (!options.lockStep) enlargeBuffers(socket);
    socket.on("message", (datagram, { address: host, port: from }) => {
      if (this.#closed === undefined) this.onDatagram(datagram, { host, port: from });
    });
    socket.on("error", (error) => this.#report(error));
  }

  get fd(): number | undefined {
    return this.#fd ?? descriptorOf(this.local);
  }

  get receiveBufferBytes(): number {
    return receiveBuffer(this.#socket);
  }

  /** False once the kernel did not take a datagram at once: libuv holds a pointer to it, not a
   * copy. */
  get writable(): boolean {
    return !this.#waiting;
  }

  /** Of a run only the first and the last datagram get a callback, because each costs a turn of the
   * queue of ticks. What is wrong with the route or the size is wrong with the first; the last one
   * tells that all are gone. */
  send(run: Run, to: Address): void {
    const socket = this.#socket;
    if (this.#closed !== undefined) return;
    if (this.#waiting && socket.getSendQueueCount() >= waitingDatagramsMax) return;
    const sent = (error: Error | null): void => this.#sent(error, to);
    try {
      const { memory, start, segmentSize } = run;
      const end = start + run.length;
      for (let at = start; at < end; at += segmentSize) {
        const length = Math.min(segmentSize, end - at);
        const done = at === start || at + length === end ? sent : undefined;
        socket.send(memory, at, length, to.port, to.host, done);
      }
    } catch (error) {
      // Port 0, for one: a datagram may come from it, none can go to it.
      process.nextTick(() => this.#report(error as Error, to));
    }
    this.#waiting = socket.getSendQueueCount() > 0;
  }

  joinReceived(): void {}

  async close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve));
    await this.#closed;
  }

  unref(): void {
    this.#socket.unref();
  }

  #sent(error: Error | null, to: Address): void {
    if (error !== null) this.#report(error, to);
    if (this.#closed !== undefined || !this.#waiting) return;
    if (this.#socket.getSendQueueCount() > 0) return;
    this.#waiting = false;
    this.onWritable();
  }

  #report(error: NodeJS.ErrnoException, to?: Address): void {
    if (this.#closed === undefined && !isPeerGone(error)) this.onError(error, to);
  }
}

/** "Refused" is the ICMP answer to an earlier datagram, in Windows "reset". On a socket with many
 * peers it says nothing of which; a peer that is gone shows by its silence. */
export function isPeerGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "ECONNREFUSED" || code === "ECONNRESET";
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
