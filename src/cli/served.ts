// What is served and where, as the command line says it and as it is told to a person.

import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isIP, SocketAddress } from "node:net";
import { resolve } from "node:path";
import { type Address, directory, type Storage, separate, TftpError } from "../index.ts";
import { systemCode } from "./failure.ts";
import { wrongUsage, wrongValue } from "./options.ts";
import type { ServeFlags } from "./serve-options.ts";
import { visible } from "./visible.ts";

/** `:6969` alone stands for no address that could be named: --port does that for all of them.
 * Throws TftpError INVALID_ARGUMENT. */
export function parseListen(text: string, defaultPort: number, option = "--listen"): Address {
  const hint = "Give an IP address as 192.0.2.1, 192.0.2.1:6969 or [2001:db8::1]:6969.";
  const portAlone = /^[*]?:(\d+)$/.exec(text)?.[1];
  if (portAlone) {
    const every = `Use --port ${portAlone} to listen on every address.`;
    throw wrongValue(option, text, option === "--listen" ? every : hint);
  }
  if (isIP(text) !== 0) return { host: ownHost(text, option), port: defaultPort };
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const [, inBrackets, bare = "", portText] = parts ?? [];
  const host = inBrackets ?? bare;
  if (isIP(host) !== (inBrackets === undefined ? 4 : 6)) throw wrongValue(option, text, hint);
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port > 65_535) throw wrongValue(option, text, "A port is a number up to 65535.");
  return { host: ownHost(host, option), port };
}

/** A transfer could not go on from an address of many machines; of broadcast addresses only this
 * one is known without looking at networks. */
function ownHost(text: string, option: string): string {
  const host = plainHost(text);
  if (!/^(22[4-9]|23\d)\.|^255\.255\.255\.255$|^ff..:/i.test(host)) return host;
  const hint = "That is many machines. Name this machine's own address: broadcasts are heard, too.";
  throw wrongValue(option, text, hint);
}

/** One spelling for each address: two of them could not both be listened on. */
function plainHost(host: string): string {
  const [bare = "", zone] = host.split("%");
  const family = isIP(bare) === 6 ? "ipv6" : "ipv4";
  const plain = new SocketAddress({ address: bare, family }).address.replace(mapped, "");
  return zone === undefined ? plain : `${plain}%${zone}`;
}

/** Before an IPv4 address in IPv6 form. */
const mapped = /^::ffff:(?=\d+\.)/;

/** Nobody beyond this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** Of --listen; undefined for all that there are. Throws TftpError INVALID_ARGUMENT. */
export function listenOf({ listen, port = 69 }: ServeFlags): Address[] | undefined {
  const addresses = listen?.map((text) => parseListen(text, port));
  // Else it would be told that another server is running.
  for (const [at, address] of (addresses ?? []).entries()) {
    if (address.port === 0) continue;
    const others = addresses?.slice(at + 1).filter(({ port }) => port === address.port) ?? [];
    for (const other of others) rejectOverlap(address, other);
  }
  return addresses;
}

function rejectOverlap(one: Address, other: Address): void {
  const { host, port } = one;
  if (host === other.host) {
    throw wrongUsage(`--listen names ${host} port ${port} twice`, "Leave one of them out.");
  }
  const all = [one, other].find(({ host }) => host === "0.0.0.0" || host === "::");
  const part = all === one ? other : one;
  if (!all || isIP(all.host) !== isIP(part.host)) return;
  throw wrongUsage(
    `--listen names ${part.host} port ${port}, which ${all.host} stands for already`,
    `Leave ${part.host} out, or name each address instead of ${all.host}.`,
  );
}

/** Throws TftpError. */
export async function checkFolder(dir: string): Promise<void> {
  // In a script: a variable that nobody has set.
  if (dir === "") throw wrongUsage("the folder to serve has no name", "Name one, or . for here.");
  try {
    const found = await stat(dir);
    if (!found.isDirectory()) {
      throw new TftpError("STORAGE", `${dir} is a file, not a folder`, {
        hint: "Name the folder that holds what is to be served.",
      });
    }
    await access(dir, constants.R_OK | constants.X_OK);
  } catch (thrown) {
    if (thrown instanceof TftpError) throw thrown;
    const code = systemCode(thrown);
    const gone = code === "ENOENT" || code === "ENOTDIR";
    throw new TftpError(
      "STORAGE",
      gone ? `the folder ${dir} does not exist` : `the folder ${dir} cannot be read (${code})`,
      { hint: gone ? "Create it, or name another one." : "Check its permissions.", cause: thrown },
    );
  }
}

export function storageOf(
  dir: string,
  { uploads = "off", dotFiles = false, uploadDir }: ServeFlags,
): Storage {
  if (uploadDir === undefined) return directory(dir, { uploads, dotFiles });
  const writes = directory(uploadDir, { uploads, dotFiles });
  return separate({ reads: directory(dir, { dotFiles }), writes });
}

const addressesShown = 6;

export function startText(
  dir: string,
  uploads: NonNullable<ServeFlags["uploads"]> | "mounts",
  addresses: readonly Address[],
): string {
  const policy = {
    off: "read-only",
    create: "uploads may create files",
    overwrite: "uploads may create and replace files",
    mounts: "read-only but for mounts that take uploads",
  }[uploads];
  const ports = new Set(addresses.map(({ port }) => port));
  const onePort = ports.size === 1;
  const shown = addresses.slice(0, addressesShown).map(({ host, port }) => {
    return onePort ? host : `${host} port ${port}`;
  });
  const more = addresses.length - shown.length;
  const where = shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
  const port = onePort ? `UDP port ${[...ports][0]} of ` : "";
  return `Serving ${visible(resolve(dir))}, ${policy}.\nListening on ${port}${where}.`;
}
