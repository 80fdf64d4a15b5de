// The Network of this machine: sockets, host names and routes.
// It must not know who asks.

import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, Network, OpenOptions, Route } from "../ports.ts";
import { bindError } from "./bind-error.ts";
import { canonical, isWithoutZone } from "./hosts.ts";
import { openLinuxSocket } from "./linux-udp.ts";
import { Load } from "./load.ts";
import {
  answerAtOnce,
  enlargeBuffers,
  openPlainSocket,
  receiveBuffer,
  socketType,
} from "./plain-udp.ts";

const load = new Load();

export const nodeNetwork: Network = {
  open: openSocket,
  resolve,
  route: async (remote) => {
    const found = await wayTo(remote);
    return { ...found, mtu: await mtuOf(found.host) };
  },
  mtu: mtuOf,
  isBusy: () => load.isHigh,
};

/** Opens a UDP socket on `local`; port 0 takes any free one. Throws TftpError NETWORK. */
export async function openSocket(
  local: Address,
  options: OpenOptions = {},
): Promise<DatagramSocket> {
  try {
    return (await openLinuxSocket(local, options)) ?? (await openPlain(local, options));
  } catch (cause) {
    if (cause instanceof TftpError) throw cause;
    throw bindError(local, cause as NodeJS.ErrnoException);
  }
}

async function openPlain(local: Address, options: OpenOptions): Promise<DatagramSocket> {
  const socket = await openPlainSocket(local, options);
  if (options.dscp === undefined) return socket;
  await socket.close();
  throw new TftpError("NETWORK", "IP precedence cannot be set here", {
    hint: "It takes Linux and the package koffi; leave --dscp out, or let a router set it.",
  });
}

async function resolve(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [canonical(host)];
  try {
    const all = await lookup(host, { verbatim: true, all: true });
    const other = all.find(({ family }) => family !== all[0]?.family);
    return [...all.slice(0, 1), ...(other ? [other] : [])].map(({ address }) => address);
  } catch (cause) {
    const hint =
      (cause as NodeJS.ErrnoException).code === "EAI_AGAIN"
        ? "No name server answers; try again, or use an IP address."
        : "Check the spelling, or use an IP address.";
    throw new TftpError("NETWORK", `unknown host "${host}"`, { hint, cause });
  }
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
  } catch (thrown) {
    const cause = thrown as NodeJS.ErrnoException;
    if (cause.code === "EADDRINUSE") throw bindError({ host: "0.0.0.0", port: 0 }, cause);
    const hint = isWithoutZone(remote.host)
      ? `Name the interface too: ${remote.host}%eth0 if it is eth0.`
      : "Check the address, and the network of this machine.";
    throw new TftpError("NETWORK", `no route to ${remote.host}`, { hint, cause });
  } finally {
    socket.close();
  }
}

const ethernetMtu = 1500;

/** In bytes; of all interfaces the smallest where any may be used, as for an address that several
 * machines share and that lies on the loopback interface of each. Node does not tell it, Linux
 * does; Ethernet's is the best guess elsewhere. */
async function mtuOf(host: string): Promise<number> {
  if (host === "::1" || host.startsWith("127.")) return 65536;
  const mtus: number[] = [];
  const [bare, zone] = host.split("%");
  const interfaces = Object.entries(networkInterfaces());
  const any =
    ["0.0.0.0", "::"].includes(host) ||
    interfaces.some(([, all = []]) => all.some((own) => own.internal && own.address === bare));
  for (const [name, addresses = []] of interfaces) {
    if (zone !== undefined && zone !== name) continue;
    const ours = addresses.some(({ address, internal }) => (any ? !internal : address === bare));
    if (!ours) continue;
    // An address with a label appears as eth0:label.
    const device = name.split(":")[0];
    const text = await readFile(`/sys/class/net/${device}/mtu`, "latin1").catch(() => "");
    mtus.push(Number.parseInt(text, 10) || ethernetMtu);
  }
  return Math.min(...(mtus.length > 0 ? mtus : [ethernetMtu]));
}
