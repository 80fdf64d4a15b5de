// UDP segmentation and receive offload of the Linux kernel: one system call carries up to 64 equal
// datagrams. It needs a descriptor, which node:dgram does not give away, so the socket is made here
// through koffi and then handed to node:dgram. Where that is not to be had, nothing is lost but
// speed.

import { createRequire } from "node:module";
import { isIPv6 } from "node:net";
import type { Address } from "../ports.ts";

/** A bound socket of our own making, to be owned by node:dgram, and its two switches. */
export interface Descriptor {
  readonly fd: number;
  /** Whatever is sent leaves as datagrams of so many bytes; 0 turns it off. False: not here. */
  setSegmentSize(bytes: number): boolean;
  /** Equal datagrams of one peer may from now on arrive joined together. False: not here. */
  joinReceived(): boolean;
}

let kernel: Kernel | undefined;
let looked = false;

/** Undefined where there is no offload, or where the plain way shall report what is wrong with the
 * address. TIDEWIRE_OFFLOAD=off in the environment turns it off. */
export function openDescriptor(local: Address): Descriptor | undefined {
  if (!looked) {
    looked = true;
    if (process.platform === "linux" && process.env.TIDEWIRE_OFFLOAD !== "off") kernel = load();
  }
  return kernel?.open(local);
}

function load(): Kernel | undefined {
  try {
    const found = new Kernel(createRequire(import.meta.url)("koffi") as Koffi);
    return found.hasOffload() ? found : undefined;
  } catch {
    return undefined; // not installed, or not made for this processor
  }
}

interface Koffi {
  load(library: null): { func(declaration: string): (...args: unknown[]) => number };
}

// From the kernel's headers, the same on every processor that koffi and Node run on.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

type Call = (...args: unknown[]) => number;

class Kernel {
  readonly #socket: Call;
  readonly #bind: Call;
  readonly #setsockopt: Call;
  readonly #inetPton: Call;
  readonly #close: Call;
  readonly #value = new Int32Array(1);

  constructor(koffi: Koffi) {
    const libc = koffi.load(null);
    this.#socket = libc.func("int socket(int, int, int)");
    this.#bind = libc.func("int bind(int, const void *, uint)");
    this.#setsockopt = libc.func("int setsockopt(int, int, int, const void *, uint)");
    this.#inetPton = libc.func("int inet_pton(int, const char *, void *)");
    this.#close = libc.func("int close(int)");
  }

  hasOffload(): boolean {
    const fd = this.#socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const has = this.#set(fd, SOL_UDP, UDP_SEGMENT, 1432) && this.#set(fd, SOL_UDP, UDP_GRO, 1);
    this.#close(fd);
    return has;
  }

  open(local: Address): Descriptor | undefined {
    const address = this.#socketAddress(local);
    if (!address) return undefined;
    const family = isIPv6(local.host) ? AF_INET6 : AF_INET;
    const fd = this.#socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return undefined;
    const ready = family === AF_INET || this.#set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (!ready || this.#bind(fd, address, address.length) !== 0) {
      this.#close(fd);
      return undefined;
    }
    return {
      fd,
      setSegmentSize: (bytes) => this.#set(fd, SOL_UDP, UDP_SEGMENT, bytes),
      joinReceived: () => this.#set(fd, SOL_UDP, UDP_GRO, 1),
    };
  }

  #set(fd: number, level: number, option: number, value: number): boolean {
    this.#value[0] = value;
    return this.#setsockopt(fd, level, option, this.#value, 4) === 0;
  }

  /** A sockaddr_in or sockaddr_in6; undefined for an address with a zone. */
  #socketAddress({ host, port }: Address): Uint8Array | undefined {
    if (host.includes("%")) return undefined;
    const ipv6 = isIPv6(host);
    const address = new Uint8Array(ipv6 ? 28 : 16);
    new Uint16Array(address.buffer)[0] = ipv6 ? AF_INET6 : AF_INET; // in the host's byte order
    new DataView(address.buffer).setUint16(2, port);
    const numeric = address.subarray(ipv6 ? 8 : 4, ipv6 ? 24 : 8);
    return this.#inetPton(ipv6 ? AF_INET6 : AF_INET, host, numeric) === 1 ? address : undefined;
  }
}
