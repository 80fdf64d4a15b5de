// The descriptor of a socket of node:dgram, which keeps it to itself, as Linux lists it. It must
// not know what anybody wants it for.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { endianness } from "node:os";
import type { Address } from "../ports.ts";
import { socketAddress } from "./address-book.ts";

/** Of the UDP socket of this process that is bound to `local`; undefined where there is no telling,
 * as on other systems. */
export function descriptorOf(local: Address): number | undefined {
  try {
    const own = new Map<string, number>();
    for (const name of readdirSync("/proc/self/fd")) {
      const inode = /^socket:\[(\d+)\]$/.exec(targetOf(`/proc/self/fd/${name}`))?.[1];
      if (inode !== undefined) own.set(inode, Number(name));
    }
    const found = inodesAt(local).flatMap((inode) => own.get(inode) ?? []);
    // A link-local address may be that of two interfaces.
    return found.length === 1 ? found[0] : undefined;
  } catch {
    return undefined;
  }
}

/** The sockets of the whole system that are bound there. */
function inodesAt(local: Address): readonly string[] {
  const bytes = socketAddress(local);
  if (!bytes) return [];
  const isIPv6 = bytes.length > 16;
  const [start, words] = isIPv6 ? [8, 4] : [4, 1];
  const hex = Array.from({ length: words }, (_, at) => wordOf(bytes, start + 4 * at)).join("");
  const wanted = `${hex}:${local.port.toString(16).padStart(4, "0")}`.toUpperCase();
  const table = readFileSync(`/proc/self/net/${isIPv6 ? "udp6" : "udp"}`, "latin1");
  return table.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[1] === wanted && fields[9] !== undefined ? [fields[9]] : [];
  });
}

/** The kernel prints the words of an address as numbers of its own. */
function wordOf(bytes: Uint8Array, at: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view
    .getUint32(at, endianness() === "LE")
    .toString(16)
    .padStart(8, "0");
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // the one that the folder itself was read by
  }
}
