// The calls of the Linux C library that node:dgram lacks, through koffi: many datagrams in one call
// (sendmmsg, recvmmsg), segmentation and receive offload. Where they are not to be had, nothing is
// lost but speed. It must not know what they are used for.

import { createRequire } from "node:module";
import { endianness } from "node:os";

/** Each returns what the C function does; -1 leaves the reason in `errno`. What is called for each
 * datagram takes pointers as numbers (`addressOf`, 0 for none): to make one takes time. */
export interface Libc {
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly close: (fd: number) => number;
  readonly setsockopt: (
    fd: number,
    level: number,
    option: number,
    value: Int32Array,
    length: number,
  ) => number;
  readonly sendmmsg: (fd: number, messages: number, count: number, flags: number) => number;
  readonly sendto: (
    fd: number,
    bytes: number,
    length: number,
    flags: number,
    name: number,
    nameLength: number,
  ) => number;
  readonly recvmsg: (fd: number, message: number, flags: number) => number;
  readonly recvmmsg: (
    fd: number,
    messages: number,
    count: number,
    flags: number,
    timeout: number,
  ) => number;
  readonly fcntl: (fd: number, what: number, value: number) => number;
  readonly epoll_create1: (flags: number) => number;
  readonly epoll_ctl: (epoll: number, what: number, fd: number, event: Int32Array | null) => number;
  readonly epoll_pwait2: (
    epoll: number,
    events: number,
    count: number,
    timeout: number,
    mask: number,
  ) => number;
  /** 0 where there is none of that name. */
  readonly if_nametoindex: (name: string) => number;
  readonly if_indextoname: (index: number, name: Uint8Array) => number;
  readonly errno: () => number;
  /** Where the first byte lies. It does not move while the memory is referenced. */
  readonly addressOf: (memory: ArrayBufferView) => number;
}

// From the kernel's headers, the same on every processor that is let in below.
export const AF_INET = 2;
export const AF_INET6 = 10;
export const F_SETFL = 4;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEPORT = 15;
export const SO_REUSEADDR = 2;
export const SO_RCVTIMEO = 20;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const IPPROTO_IP = 0;
export const IP_TOS = 1;
export const IP_MTU_DISCOVER = 10;
export const IPPROTO_IPV6 = 41;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_TCLASS = 67;
/** The same for both: no "don't fragment". */
export const PMTUDISC_DONT = 0;
export const IPV6_V6ONLY = 26;
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITFORONE = 0x10000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLLIN = 1;

let found: Libc | undefined;
let looked = false;

/** Undefined where there is no offload. TIDEWIRE_OFFLOAD=off in the environment turns it off. */
export function linuxLibc(): Libc | undefined {
  if (!looked) {
    looked = true;
    if (isKnownLayout() && process.env.TIDEWIRE_OFFLOAD !== "off") found = load();
  }
  return found;
}

/** The structures of these calls are laid out by hand, for 64 bits, the lowest byte first. */
function isKnownLayout(): boolean {
  const wide = ["x64", "arm64", "riscv64", "loong64"].includes(process.arch);
  return process.platform === "linux" && wide && endianness() === "LE";
}

interface Koffi {
  load(library: null): { func(declaration: string): (...args: unknown[]) => number };
  errno(): number;
  address(memory: ArrayBufferView): bigint;
}

/** Its part for this system alone, where that is at hand: what stands around it takes as long to
 * load, and is not used here. */
function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)(`@koromix/koffi-linux-${process.arch}`);
  } catch {
    return createRequire(import.meta.url)("koffi");
  }
}

function load(): Libc | undefined {
  try {
    const koffi = loadKoffi();
    const c = koffi.load(null);
    const libc: Libc = {
      socket: c.func("int socket(int, int, int)"),
      bind: c.func("int bind(int, const void *, uint)"),
      close: c.func("int close(int)"),
      setsockopt: c.func("int setsockopt(int, int, int, const void *, uint)"),
      sendmmsg: c.func("int sendmmsg(int, uintptr_t, uint, int)"),
      sendto: c.func("int sendto(int, uintptr_t, ulong, int, uintptr_t, uint)"),
      recvmsg: c.func("int recvmsg(int, uintptr_t, int)"),
      recvmmsg: c.func("int recvmmsg(int, uintptr_t, uint, int, uintptr_t)"),
      fcntl: c.func("int fcntl(int, int, int)"),
      epoll_create1: c.func("int epoll_create1(int)"),
      epoll_ctl: c.func("int epoll_ctl(int, int, int, void *)"),
      epoll_pwait2: c.func("int epoll_pwait2(int, uintptr_t, int, uintptr_t, uintptr_t)"),
      if_nametoindex: c.func("uint if_nametoindex(const char *)"),
      if_indextoname: c.func("uintptr_t if_indextoname(uint, void *)"),
      errno: () => koffi.errno(),
      addressOf: (memory) => Number(koffi.address(memory)),
    };
    return hasOffload(libc) ? libc : undefined;
  } catch {
    return undefined; // not installed, or not made for this processor
  }
}

function hasOffload(libc: Libc): boolean {
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const has =
    setOption(libc, fd, SOL_UDP, [UDP_SEGMENT, 1432]) && setOption(libc, fd, SOL_UDP, [UDP_GRO, 1]);
  libc.close(fd);
  return has;
}

const optionValue = new Int32Array(1);

export function setOption(
  libc: Libc,
  fd: number,
  level: number,
  [option, value]: readonly [option: number, value: number],
): boolean {
  optionValue[0] = value;
  return libc.setsockopt(fd, level, option, optionValue, 4) === 0;
}
