// The Network of this machine: sockets, host names and routes.
// It must not know who asks.

import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { isIP, SocketAddress } from "node:net";
import { networkInterfaces } from "node:os";
import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, Network, OpenOptions, Route } from "../ports.ts";
import { bindError } from "./bind-error.ts";
import { openLinuxSocket } from "./linux-udp.ts";
import {
  answerAtOnce,
  enlargeBuffers,
  openPlainSocket,
  receiveBuffer,
  socketType,
} from "./plain-udp.ts";

export const nodeNetwork: Network = {
  open: openSocket,
  resolve,
  route: async (remote) => {
    const found = await wayTo(remote);
    return { ...found, mtu: await mtuOf(found.host) };
  },
};

/** Opens a UDP socket on `local`; port 0 takes any free one. Throws TftpError NETWORK. */
export async function openSocket(
  local: Address,
  options: OpenOptions = {},
): Promise<DatagramSocket> {
  try {
    return (await openLinuxSocket(local, options)) ?? (await openPlainSocket(local, options));
  } catch (cause) {
    throw bindError(local, cause as NodeJS.ErrnoException);
  }
}

async function resolve(host: string): Promise<string> {
  if (isIP(host) !== 0) return canonical(host);
  try {
    return (await lookup(host, { verbatim: true })).address;
  } catch (cause) {
    const hint =
      (cause as NodeJS.ErrnoException).code === "EAI_AGAIN"
        ? "No name server answers; try again, or use an IP address."
        : "Check the spelling, or use an IP address.";
    throw new TftpError("NETWORK", `unknown host "${host}"`, { hint, cause });
  }
}

/** One spelling for each address, so that addresses compare as strings. An IPv4 address in IPv6
 * clothes is an IPv4 address: the IPv6 sockets here speak IPv6 only. */
function canonical(host: string): string {
  const [bare = "", zone] = host.split("%");
  const family = isIP(bare) === 6 ? "ipv6" : "ipv4";
  const { address } = new SocketAddress({ address: bare, family });
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  return mapped?.[1] ?? (zone === undefined ? address : `${address}%${zone}`);
}

/** Connecting a UDP socket sends nothing; the kernel picks the route and with it the local
 * address. */
async function wayTo(remote: Address): Promise<Omit<Route, "mtu">> {
  const socket = createSocket({ type: socketType(remote.host), lookup: answerAtOnce });
  try {
    await new Promise<void>((connected, reject) => {
      socket.once("error", reject).once("connect", connected);
      socket.connect(remote.port, remote.host);
    });
    enlargeBuffers(socket);
    return { host: socket.address().address, receiveBufferBytes: receiveBuffer(socket) };
  } catch (cause) {
    const hint = "Check the address, and the network of this machine.";
    throw new TftpError("NETWORK", `no route to ${remote.host}`, { hint, cause });
  } finally {
    socket.close();
  }
}

/** In bytes. Node does not tell it, Linux does; Ethernet's is the best guess elsewhere. */
async function mtuOf(host: string): Promise<number> {
  if (host === "::1" || host.startsWith("127.")) return 65536;
  const [bare, zone] = host.split("%");
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (zone !== undefined && zone !== name) continue;
    if (!addresses.some(({ address }) => address === bare)) continue;
    // An address with a label appears as eth0:label.
    const device = name.split(":")[0];
    const text = await readFile(`/sys/class/net/${device}/mtu`, "latin1").catch(() => "");
    return Number.parseInt(text, 10) || 1500;
  }
  return 1500;
}
