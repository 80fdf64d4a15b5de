// A bound UDP socket made through the C library, for Node does not give the descriptors of its own
// away. It must not know what is sent there.

import type { Address, OpenOptions } from "../ports.ts";
import { socketAddress } from "./address-book.ts";
import * as c from "./libc.ts";

/** A bound socket; undefined where it cannot be had. */
export function openDescriptor(
  libc: c.Libc,
  local: Address,
  options: OpenOptions = {},
): number | undefined {
  const address = socketAddress(local);
  if (!address) return undefined;
  const family = address[0] ?? 0;
  const fd = libc.socket(family, c.SOCK_DGRAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const only6 = family === c.AF_INET || c.setOption(libc, fd, c.IPPROTO_IPV6, [c.IPV6_V6ONLY, 1]);
  const ready = only6 && prepare(libc, fd, family, options);
  if (ready && libc.bind(fd, address, address.length) === 0) return fd;
  libc.close(fd);
  return undefined;
}

/** What does not fit a narrow path shall arrive in fragments rather than not at all. */
function prepare(libc: c.Libc, fd: number, family: number, options: OpenOptions): boolean {
  const { shared, reusePort, dscp } = options;
  const [level, discover, precedence] =
    family === c.AF_INET
      ? [c.IPPROTO_IP, c.IP_MTU_DISCOVER, c.IP_TOS]
      : [c.IPPROTO_IPV6, c.IPV6_MTU_DISCOVER, c.IPV6_TCLASS];
  c.setOption(libc, fd, level, [discover, c.PMTUDISC_DONT]);
  if (shared && !c.setOption(libc, fd, c.SOL_SOCKET, [c.SO_REUSEADDR, 1])) return false;
  if (reusePort && !c.setOption(libc, fd, c.SOL_SOCKET, [c.SO_REUSEPORT, 1])) return false;
  // The two lowest bits are for congestion (RFC 3168).
  return dscp === undefined || c.setOption(libc, fd, level, [precedence, dscp * 4]);
}
