// DATA packets back to back in memory, as a receiver gets them joined. It must not know which of
// them are expected.

import { dataHeaderBytes, dataNumber, type WireNumber } from "./packet.ts";
import type { Run } from "./run.ts";

/** The number of the first block, and how many whole ones with it are numbered one after the other;
 * 0 where the run begins with anything else. */
export function blocksOf(run: Run): { readonly first: WireNumber; readonly count: number } {
  const { memory, start, length, segmentSize } = run;
  const first = dataNumber(memory, start) ?? 0;
  let count = 0;
  for (let at = 0; at + segmentSize <= length; at += segmentSize) {
    if (dataNumber(memory, start + at) !== first + count) break;
    count += 1;
  }
  return { first, count };
}

/** The payloads of the first blocks as one: they are moved to where each follows the other. */
export function closeUp({ memory, start, segmentSize }: Run, count: number): Uint8Array {
  const to = start + dataHeaderBytes;
  const length = segmentSize - dataHeaderBytes;
  for (let block = 1; block < count; block++) {
    const from = to + block * segmentSize;
    memory.copyWithin(to + block * length, from, from + length);
  }
  return memory.subarray(to, to + count * length);
}
