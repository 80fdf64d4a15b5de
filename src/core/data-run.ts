// DATA packets back to back in memory, as a receiver gets them joined. It must not know which of
// them are expected.

import { dataHeaderBytes, dataNumber, type WireNumber } from "./packet.ts";
import type { Run } from "./run.ts";

/** How many whole blocks, at most `max`, the run begins with that are numbered from `first` on. */
export function countBlocks(run: Run, first: WireNumber, max: number): number {
  const { memory, start, length, segmentSize } = run;
  const most = Math.min(max, Math.floor(length / segmentSize));
  let count = 0;
  while (count < most && dataNumber(memory, start + count * segmentSize) === first + count) {
    count += 1;
  }
  return count;
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
