// Addresses as the kernel writes them (sockaddr_in, sockaddr_in6) and as we do, each known one
// translated once. It must not know what is sent there.

import { isIP, SocketAddress } from "node:net";
import { networkInterfaces } from "node:os";
import type { Address } from "../ports.ts";
import { AF_INET, AF_INET6 } from "./libc.ts";

/** Whoever sends from ever new addresses must not fill our memory. */
const knownMax = 16_384;

export class AddressBook {
  readonly #byNumber = new Map<number, Address>();
  readonly #byBytes = new Map<string, Address>();
  readonly #byName = new Map<string, Address>();
  readonly #hosts = new Map<number, string>();
  readonly #encoded = new WeakMap<Address, Uint8Array>();

  /** The same object for the same peer, as long as it is known. */
  named(host: string, port: number): Address {
    const name = `${host} ${port}`;
    return this.#byName.get(name) ?? remember(this.#byName, name, { host, port });
  }

  /** The sockaddr of an IPv4 or IPv6 peer that lies at `at`. */
  read(memory: Buffer, at: number): Address {
    const port = memory.readUInt16BE(at + 2);
    if (memory.readUInt16LE(at) === AF_INET6) return this.#read6(memory, at, port);
    const number = memory.readUInt32BE(at + 4);
    const known = this.#byNumber.get(number * 65_536 + port);
    if (known) return known;
    const host =
      this.#hosts.get(number) ??
      remember(this.#hosts, number, memory.subarray(at + 4, at + 8).join("."));
    const address = this.named(host, port);
    this.#encoded.set(address, Buffer.from(memory.subarray(at, at + 16)));
    return remember(this.#byNumber, number * 65_536 + port, address);
  }

  #read6(memory: Buffer, at: number, port: number): Address {
    const text = memory.toString("latin1", at + 2, at + 28);
    const known = this.#byBytes.get(text);
    if (known) return known;
    const words = Array.from({ length: 8 }, (_, i) => memory.readUInt16BE(at + 8 + 2 * i));
    const written = words.map((word) => word.toString(16)).join(":");
    const { address: host } = new SocketAddress({ address: written, family: "ipv6" });
    const address = this.named(host + zoneOf(memory.readUInt32LE(at + 24)), port);
    this.#encoded.set(address, Buffer.from(memory.subarray(at, at + 28)));
    return remember(this.#byBytes, text, address);
  }

  /** Undefined for what is no numeric address with a port, or has a zone that nobody sent from. */
  encode(address: Address): Uint8Array | undefined {
    const known = this.#encoded.get(address);
    if (known) return known;
    const encoded = address.port > 0 ? socketAddress(address) : undefined;
    if (encoded) this.#encoded.set(address, encoded);
    return encoded;
  }
}

function remember<K, V>(book: Map<K, V>, key: K, value: V): V {
  if (book.size >= knownMax) book.clear();
  book.set(key, value);
  return value;
}

/** The kernel numbers the interfaces, Node names them. */
function zoneOf(index: number): string {
  if (index === 0) return "";
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (addresses.some(({ scopeid }) => scopeid === index)) return `%${name}`;
  }
  return `%${index}`;
}

/** Undefined where the plain way shall report what is wrong with the address. */
export function socketAddress({ host, port }: Address): Uint8Array | undefined {
  const family = isIP(host);
  const [bare = "", zone] = host.split("%");
  const scope = zone === undefined ? 0 : scopeOf(bare, zone);
  if (family === 0 || scope === undefined || !(port >= 0 && port <= 65_535)) return undefined;
  const ipv6 = family === 6;
  const numbers = ipv6 ? numbersOf6(bare) : host.split(".").map(Number);
  const address = Buffer.alloc(ipv6 ? 28 : 16);
  address.writeUInt16LE(ipv6 ? AF_INET6 : AF_INET);
  address.writeUInt16BE(port, 2);
  address.set(numbers, ipv6 ? 8 : 4);
  if (ipv6) address.writeUInt32LE(scope, 24);
  return address;
}

/** The number of a zone that is one of our interfaces, in which link-local addresses only are. */
function scopeOf(bare: string, zone: string): number | undefined {
  if (!/^fe[89ab]/i.test(bare)) return undefined;
  return networkInterfaces()[zone]?.find(({ scopeid = 0 }) => scopeid > 0)?.scopeid;
}

function numbersOf6(host: string): number[] {
  // With the last 32 bits written in the manner of IPv4, `::` still stands for what is missing.
  const hex = host.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = "", tail] = hex.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap: string[] = Array(8 - before.length - after.length).fill("0");
  return [...before, ...gap, ...after].flatMap((word) => {
    const number = Number.parseInt(word, 16);
    return [number >> 8, number & 255];
  });
}
