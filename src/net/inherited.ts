// UDP sockets that somebody else has bound and handed over, as systemd does: so a low port needs no
// rights of ours. It must not know what is listened for.

import { readFileSync, readlinkSync } from "node:fs";
import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket } from "../ports.ts";
import { type BoundSocket, boundSocket } from "./handed-over.ts";
import { adoptSocket } from "./plain-udp.ts";

/** The descriptors that systemd hands to this process (LISTEN_FDS, LISTEN_PID; see sd_listen_fds),
 * none as a rule. Takes the variables out of the environment. */
export function inheritedSockets(): readonly number[] {
  const { LISTEN_PID, LISTEN_FDS = "" } = process.env;
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name];
  if (LISTEN_PID !== String(process.pid) || !/^\d{1,3}$/.test(LISTEN_FDS)) return [];
  return Array.from({ length: Number(LISTEN_FDS) }, (_, at) => firstDescriptor + at);
}

const firstDescriptor = 3;

/** Listens on sockets that are bound already. */
export class InheritedListeners {
  readonly #sockets: DatagramSocket[] = [];

  /** `add` gives the socket that is used instead. Throws TftpError NETWORK for what is no bound UDP
   * socket. */
  static async open(
    descriptors: readonly number[],
    add: (socket: DatagramSocket) => DatagramSocket,
    onSocket: (socket: DatagramSocket) => void,
  ): Promise<InheritedListeners> {
    const listeners = new InheritedListeners();
    try {
      for (const fd of descriptors) {
        listeners.#sockets.push(add(await adoptSocket(fd, familyOf(fd))));
      }
    } catch (thrown) {
      await listeners.close();
      throw thrown;
    }
    for (const socket of listeners.#sockets) onSocket(socket);
    return listeners;
  }

  get addresses(): readonly Address[] {
    return this.#sockets.map((socket) => socket.local);
  }

  get bound(): readonly BoundSocket[] {
    return this.#sockets.map((socket) => boundSocket(socket.local.host, socket));
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.close()));
  }
}

/** Node must be told, and only the kernel's tables say it. */
function familyOf(fd: number): "udp4" | "udp6" {
  const inode = /^socket:\[(\d+)\]$/.exec(read(() => readlinkSync(`/proc/self/fd/${fd}`)))?.[1];
  for (const [table, type] of [
    ["udp", "udp4"],
    ["udp6", "udp6"],
  ] as const) {
    const lines = read(() => readFileSync(`/proc/self/net/${table}`, "latin1")).split("\n");
    if (inode && lines.some((line) => line.trim().split(/\s+/)[9] === inode)) return type;
  }
  throw new TftpError("NETWORK", `descriptor ${fd} is no bound UDP socket`, {
    hint: "In the systemd unit, use ListenDatagram= and nothing else.",
  });
}

function read(what: () => string): string {
  try {
    return what();
  } catch {
    return "";
  }
}
