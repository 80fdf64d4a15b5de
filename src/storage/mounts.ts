// Several storages in one name space: which one a name belongs to depends on its first segments and
// on who asks. Knows no files.

import { BlockList, isIP } from "node:net";
import { resolve } from "node:path";
import { TftpError } from "../core/errors.ts";
import type { Address, Storage } from "../ports.ts";
import { nameBelow, resolveName } from "./name.ts";
import { originating } from "./origin.ts";

export interface Mount {
  /** The names below it belong to it, as `boot` or `boot/arm`; `/` is every name. Both slashes
   * separate, as they do in names. */
  readonly at: string;
  /** An address or a network as 192.0.2.0/24: only these clients see it. Default: all. */
  readonly clients?: string;
  /** The folder of `storage`. A name may repeat its path, and could else reach what lies there
   * behind another mount. */
  readonly dir?: string;
  readonly storage: Storage;
}

export interface Place<M extends Mount> {
  readonly mount: M;
  /** As its storage is asked for it. */
  readonly name: string;
}

export interface Mounts<M extends Mount> extends Storage {
  /** Where a name leads this client. Throws TftpError FILE_NOT_FOUND or ACCESS_VIOLATION. */
  find(name: string, client: Address): Place<M>;
}

/** The longest `at` decides, then a mount for these clients before one for all, then the order. A
 * name that its mount does not have is not looked for in another one. Throws TftpError
 * INVALID_ARGUMENT. */
export function mounts<M extends Mount>(list: readonly M[]): Mounts<M> {
  const compiled = list.map(compile).sort(bySpecific);
  const seek = (segments: readonly string[], host: string): Compiled<M> => {
    const found = compiled.find(({ prefix, isFor }) => {
      const below = prefix.length === 0 || segments.length > prefix.length;
      return below && prefix.every((each, at) => each === segments[at]) && isFor(host);
    });
    if (!found) throw new TftpError("FILE_NOT_FOUND", "file not found");
    return found;
  };
  const placeOf = (name: string, client: Address): Numbered<M> => {
    const segments = resolveName(name, all);
    const found = seek(segments, client.host);
    const { mount, number, prefix, dir } = found;
    // The name as it came: a folder also takes names that repeat its own path.
    const rest = prefix.length === 0 ? name : segments.slice(prefix.length).join("/");
    const below = dir === undefined ? undefined : nameBelow(rest, dir, all);
    const plain = below && [...prefix, ...below];
    if (!plain || seek(plain, client.host) === found) return { mount, number, name: rest };
    return placeOf(plain.join("/"), client);
  };
  return {
    find: placeOf,
    async openRead(name, request) {
      const { mount, number, name: rest } = placeOf(name, request.client);
      return originating(number, await mount.storage.openRead(rest, request));
    },
    readAtHand(name, request, receipt) {
      try {
        const { mount, number, name: rest } = placeOf(name, request.client);
        const source = mount.storage.readAtHand?.(rest, request, receipt);
        return source && originating(number, source);
      } catch {
        return undefined; // told where it is asked for
      }
    },
    async openWrite(name, request) {
      const { mount, name: rest } = placeOf(name, request.client);
      return mount.storage.openWrite(rest, request);
    },
  };
}

const all = { dotFiles: true };

interface Numbered<M extends Mount> extends Place<M> {
  /** Of the mount. */
  readonly number: number;
}

interface Compiled<M> {
  readonly mount: M;
  readonly number: number;
  readonly prefix: readonly string[];
  /** Absolute. */
  readonly dir: string | undefined;
  readonly isFor: (host: string) => boolean;
}

function compile<M extends Mount>(mount: M, number: number): Compiled<M> {
  const { at, clients } = mount;
  const prefix = at.split(/[\\/]/).filter((segment) => segment !== "");
  if (!isBeginning(prefix)) {
    throw wrong(`nothing can be mounted at "${at}"`, "Write the beginning of a name, as boot/arm.");
  }
  const dir = mount.dir === undefined ? undefined : resolve(mount.dir);
  if (clients === undefined) return { mount, number, prefix, dir, isFor: () => true };
  const includes = rangeOf(clients);
  return {
    mount,
    number,
    prefix,
    dir,
    isFor: (host) => includes(host.split("%", 1)[0] as string),
  };
}

/** Whether a name can begin so: none has a drive letter, control characters or `..`. */
function isBeginning(prefix: readonly string[]): boolean {
  const segments = [...prefix, "x"];
  try {
    return resolveName(segments.join("/"), all).length === segments.length;
  } catch {
    return false;
  }
}

function rangeOf(text: string): (host: string) => boolean {
  const [host = "", bits, ...more] = text.split("/");
  const family = isIP(host) === 6 ? "ipv6" : "ipv4";
  const most = family === "ipv6" ? 128 : 32;
  const isBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
  if (isIP(host) === 0 || !isBits || more.length > 0) {
    throw wrong(
      `"${text}" is no address or network`,
      "Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.",
    );
  }
  const prefix = bits === undefined ? most : Number(bits);
  const list = new BlockList();
  list.addSubnet(host, prefix, family);
  // To BlockList every IPv4 address is in ::/0, as it may be written ::ffff:192.0.2.1.
  const takesV4 = family === "ipv4" || prefix >= 96;
  return (client) => {
    if (isIP(client) === 6) return list.check(client, "ipv6");
    return takesV4 && list.check(client, "ipv4");
  };
}

function bySpecific<M extends Mount>(one: Compiled<M>, other: Compiled<M>): number {
  const named = (each: Compiled<M>): number => (each.mount.clients === undefined ? 0 : 1);
  return other.prefix.length - one.prefix.length || named(other) - named(one);
}

function wrong(message: string, hint: string): TftpError {
  return new TftpError("INVALID_ARGUMENT", message, { hint });
}
