// How the kernel joined the datagrams that it delivers as one (UDP_GRO). It does tell, but not
// through node:dgram; so it is found in the bytes. Must not know more of them than that packets of
// one kind begin alike.

/** The size of each part of `received`, of which only the last may be shorter; its whole length
 * when it is one datagram. `size`: what joined datagrams are expected to have, Infinity where none
 * is. */
export function joinedPart(received: Uint8Array, size: number): number {
  const { length } = received;
  if (size === Number.POSITIVE_INFINITY) return length;
  if (length > size) return beginAlike(received, size) ? size : length;
  // A last datagram that the network doubled: joined, the copies would look like one.
  for (const copies of [2, 3]) {
    if (isCopied(received, length / copies)) return length / copies;
  }
  return length;
}

/** What does not begin like the first is no part: one datagram that is larger than it should be. */
function beginAlike(received: Uint8Array, size: number): boolean {
  for (let at = size; at < received.length; at += size) {
    if (received[at] !== received[0] || received[at + 1] !== received[1]) return false;
  }
  return true;
}

function isCopied(received: Uint8Array, size: number): boolean {
  if (!Number.isInteger(size) || size < 4) return false;
  for (let at = size; at < received.length; at++) {
    if (received[at] !== received[at - size]) return false;
  }
  return true;
}
