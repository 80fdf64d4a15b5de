// Addresses as the kernel writes them (sockaddr_in, sockaddr_in6) and as we do, each known one
// translated once. It must not know what is sent there.

import { isIP, isIPv4, SocketAddress } from "node:net";
import { performance } from "node:perf_hooks";
import type { Address } from "../ports.ts";
import { linkLocal, zoneName, zoneNumber } from "./hosts.ts";
import { AF_INET, AF_INET6 } from "./libc.ts";

/** Whoever sends from ever new addresses must not fill our memory. */
const knownMax = 16_384;
const knownBits = 14;
/** For so long an interface that was renamed may still be called as before. */
const zoneMillis = 1000;

export class AddressBook {
  /** Peers of IPv4, one for each slot, which the next one takes: to forget is no work. */
  readonly #peers: (Address | undefined)[] = new Array(knownMax).fill(undefined);
  readonly #peerNumbers = new Uint32Array(knownMax);
  readonly #hosts = new Map<number, string>();
  readonly #numbers = new Map<string, number>();
  readonly #byBytes = new Map<string, Address>();
  readonly #byName = new Map<string, Address>();
  readonly #encoded = new WeakMap<Address, Uint8Array>();
  /** The interface of the peer before, its number and its name, and when that was asked. */
  #scope = 0;
  #zone = "";
  #zoneAt = 0;

  /** The same object for the same peer, as long as it is known. */
  named(host: string, port: number): Address {
    if (isIPv4(host)) return this.#peer4(this.#numberOf(host), port);
    // An interface that is made anew has another number, and so have those who are heard there.
    const [, zone = ""] = host.includes("%") ? host.split("%") : [];
    const name = `${host} ${port}${zone && ` ${zoneNumber(zone)}`}`;
    return this.#byName.get(name) ?? remember(this.#byName, name, { host, port });
  }

  /** The sockaddr of an IPv4 or IPv6 peer that lies at `at`. */
  read(memory: Uint8Array, at: number): Address {
    const port = numberAt(memory, at + 2);
    if (memory[at] === AF_INET6) return this.#read6(memory, at, port);
    return this.#peer4(numberAt(memory, at + 4) * 2 ** 16 + numberAt(memory, at + 6), port);
  }

  #peer4(number: number, port: number): Address {
    const hash = Math.imul(number, 0x9e3779b1) ^ Math.imul(port, 0x85ebca6b);
    const slot = hash >>> (32 - knownBits);
    const known = this.#peers[slot];
    if (known?.port === port && this.#peerNumbers[slot] === number) return known;
    const peer = { host: this.#hostOf(number), port };
    this.#peers[slot] = peer;
    this.#peerNumbers[slot] = number;
    return peer;
  }

  #hostOf(number: number): string {
    const known = this.#hosts.get(number);
    if (known !== undefined) return known;
    const bytes = [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255];
    const host = remember(this.#hosts, number, bytes.join("."));
    remember(this.#numbers, host, number);
    return host;
  }

  #numberOf(host: string): number {
    const known = this.#numbers.get(host);
    if (known !== undefined) return known;
    const [a = 0, b = 0, c = 0, d = 0] = host.split(".").map(Number);
    return remember(this.#numbers, host, ((a << 24) | (b << 16) | (c << 8) | d) >>> 0);
  }

  #read6(memory: Uint8Array, at: number, port: number): Address {
    const bytes = Buffer.from(memory.subarray(at, at + 28));
    const zone = this.#zoneOf(bytes.readUInt32LE(24));
    const text = bytes.toString("latin1", 2) + zone;
    const known = this.#byBytes.get(text);
    if (known) return known;
    const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(8 + 2 * i));
    const written = words.map((word) => word.toString(16)).join(":");
    const { address: host } = new SocketAddress({ address: written, family: "ipv6" });
    const address = this.named(host + zone, port);
    this.#encoded.set(address, bytes);
    return remember(this.#byBytes, text, address);
  }

  /** The kernel numbers interfaces, Node names them. To ask takes as long as half an exchange. */
  #zoneOf(scope: number): string {
    if (scope === 0) return "";
    const now = performance.now();
    if (scope !== this.#scope || now - this.#zoneAt > zoneMillis) {
      this.#scope = scope;
      this.#zone = `%${zoneName(scope) ?? scope}`;
      this.#zoneAt = now;
    }
    return this.#zone;
  }

  /** Writes the sockaddr to `at`. Returns its length; 0 for what is no numeric address with a port,
   * or has a zone that nobody sent from. */
  write(address: Address, memory: Uint8Array, at: number): number {
    const { host, port } = address;
    const number = this.#numbers.get(host);
    if (number !== undefined && port > 0) {
      memory[at] = AF_INET;
      memory[at + 1] = 0;
      memory[at + 2] = port >>> 8;
      memory[at + 3] = port;
      memory[at + 4] = number >>> 24;
      memory[at + 5] = number >>> 16;
      memory[at + 6] = number >>> 8;
      memory[at + 7] = number;
      return 16;
    }
    const encoded = this.#encoded.get(address) ?? this.#encode(address);
    if (!encoded) return 0;
    memory.set(encoded, at);
    return encoded.length;
  }

  #encode(address: Address): Uint8Array | undefined {
    const encoded = address.port > 0 ? socketAddress(address) : undefined;
    if (encoded) this.#encoded.set(address, encoded);
    return encoded;
  }
}

/** Of 16 bits, as the network writes it. */
function numberAt(memory: Uint8Array, at: number): number {
  return ((memory[at] as number) << 8) | (memory[at + 1] as number);
}

function remember<K, V>(book: Map<K, V>, key: K, value: V): V {
  if (book.size >= knownMax) book.clear();
  book.set(key, value);
  return value;
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
  return linkLocal.test(bare) ? zoneNumber(zone) : undefined;
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
