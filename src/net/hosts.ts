// How a numeric host is written, with one spelling for each, so that addresses compare as strings.
// It must not know what is sent there.

import { isIP, SocketAddress } from "node:net";
import { networkInterfaces } from "node:os";
import { linuxLibc } from "./libc.ts";

/** An IPv4 address in IPv6 clothes is an IPv4 address: the IPv6 sockets here speak IPv6 only. What
 * is no address stays as it is. */
export function canonical(host: string): string {
  if (isIP(host) === 0) return host;
  const [bare = "", zone] = host.split("%");
  const family = isIP(bare) === 6 ? "ipv6" : "ipv4";
  const { address } = new SocketAddress({ address: bare, family });
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  // Answers from any other address come without a zone.
  const isLinkLocal = zone !== undefined && linkLocal.test(address);
  return mapped?.[1] ?? (isLinkLocal ? `${address}%${interfaceOf(zone)}` : address);
}

export const linkLocal: RegExp = /^fe[89ab]/i;

/** Each interface may have this address, and it is not said which one is meant. */
export function isWithoutZone(host: string): boolean {
  return linkLocal.test(host) && !host.includes("%");
}

/** Windows counts interfaces; elsewhere they have names, and a number may stand for one. */
function interfaceOf(zone: string): string {
  const counts = process.platform === "win32" || !/^\d+$/.test(zone);
  return counts ? zone : (zoneName(Number(zone)) ?? zone);
}

/** Of the interface with this number. Node lists only those that have an address, and are up. */
export function zoneName(number: number): string | undefined {
  const libc = linuxLibc();
  if (!libc) return listed().find(({ scopeid }) => scopeid === number)?.name;
  if (libc.if_indextoname(number, nameBytes) === 0) return undefined;
  return nameBytes.toString("latin1", 0, nameBytes.indexOf(0));
}

/** The number of the interface with this name, which it does not keep when it is made anew. */
export function zoneNumber(name: string): number | undefined {
  const libc = linuxLibc();
  if (!libc) return listed().find((each) => each.name === name)?.scopeid;
  return libc.if_nametoindex(name) || undefined;
}

/** IF_NAMESIZE. */
const nameBytes = Buffer.alloc(16);

function listed(): { readonly name: string; readonly scopeid: number }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ scopeid }) => (scopeid ? [{ name, scopeid }] : [])),
  );
}
