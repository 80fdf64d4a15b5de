// How much the transfers of a server have moved so far, with those that still run. Knows neither
// metrics nor pages.

import type { ServerEvent, TransferInfo } from "../server/events.ts";
import { type Op, opOf } from "./op.ts";

/** Payload that reached the other side or was stored; the same in blocks; packets that were sent
 * more than once; packets that told nothing new. */
export type Moved = "bytes" | "blocks" | "resent" | "duplicates";

export class Totals {
  readonly #ended = { get: nothingMoved(), put: nothingMoved() };
  #snapshot: () => readonly TransferInfo[] = () => [];

  /** Those that run count from now on. */
  watch(snapshot: () => readonly TransferInfo[]): void {
    this.#snapshot = snapshot;
  }

  handleEvent(event: ServerEvent): void {
    if (event.kind !== "ended") return;
    const { ending, transfer } = event;
    add(this.#ended[opOf(transfer)], transfer, ending === "completed");
  }

  now(): { readonly [op in Op]: Readonly<Record<Moved, number>> & { readonly running: number } } {
    const now = {
      get: { ...this.#ended.get, running: 0 },
      put: { ...this.#ended.put, running: 0 },
    };
    for (const transfer of this.#snapshot()) {
      const sum = now[opOf(transfer)];
      sum.running += 1;
      add(sum, transfer, false);
    }
    return now;
  }
}

function add(sum: Record<Moved, number>, transfer: TransferInfo, isWhole: boolean): void {
  sum.bytes += transfer.bytes;
  sum.blocks += blocksOf(transfer, isWhole);
  sum.resent += transfer.resent;
  sum.duplicates += transfer.duplicates;
}

function nothingMoved(): Record<Moved, number> {
  return { bytes: 0, blocks: 0, resent: 0, duplicates: 0 };
}

/** The last block of a whole file is shorter than the others, perhaps empty (RFC 1350 2). */
function blocksOf({ bytes, blksize }: TransferInfo, isWhole: boolean): number {
  return isWhole ? Math.floor(bytes / blksize) + 1 : Math.ceil(bytes / blksize);
}
