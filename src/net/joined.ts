// What the kernel may have joined (UDP_GRO) in a datagram that node:dgram has read: the kernel
// tells, but not through Node. Must not know more of the bytes than where a packet has its kind and
// its number.

/** The size of each part of `received`, of which only the last may be shorter; its whole length
 * when it is one datagram. Undefined where it may be either. `size`: what joined datagrams are
 * expected to have, Infinity where none is. */
export function partSize(received: Uint8Array, size: number): number | undefined {
  const { length } = received;
  if (size === Number.POSITIVE_INFINITY) return length;
  if (length > size) return isSequence(received, size) ? size : undefined;
  // A last datagram that the network doubled looks like one that repeats itself.
  return [2, 3].some((copies) => isCopied(received, length / copies)) ? undefined : length;
}

/** So far apart may packets be that came together. */
const distanceMax = 255;

/** Else it is one datagram that is larger than it should be, or they are of another size. */
function isSequence(received: Uint8Array, size: number): boolean {
  const kind = wordAt(received, 0);
  const first = wordAt(received, 2);
  for (let at = size; at < received.length; at += size) {
    const distance = (wordAt(received, at + 2) - first + 0x10000 + distanceMax) % 0x10000;
    if (wordAt(received, at) !== kind || distance > 2 * distanceMax) return false;
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

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
