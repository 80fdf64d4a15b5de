// What simulated files hold: views of one pool of bytes that looks like text here and there, so
// that netascii has something to do. Costs nothing to make.

import { Random } from "./random.ts";

const poolBytes = 1 << 20;
const pool = fill();

/** Some `size` bytes; equal only where both arguments are. */
export function contentOf(size: number, place: number): Buffer {
  const start = (place * 7919) % (poolBytes - size);
  return pool.subarray(start, start + size);
}

function fill(): Buffer {
  const random = new Random(1350);
  const bytes = Buffer.alloc(poolBytes);
  for (let at = 0; at < poolBytes; at++) {
    const dice = random.below(20);
    if (dice === 0) bytes[at] = 10;
    else if (dice === 1) bytes[at] = 13;
    else if (dice === 2) bytes[at] = 0;
    else bytes[at] = random.below(256);
  }
  return bytes;
}
