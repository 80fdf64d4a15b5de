// Downloads that are over and stay only to repeat their last ACK. Each holds a descriptor, so of
// many the oldest go: who fetches file after file must not run out of them. Knows no sockets.

import { TftpError } from "../core/errors.ts";
import type { Transfer } from "../transfer/transfer.ts";

const lingeringMax = 100;

export class Lingering {
  readonly #transfers = new Set<Transfer>();

  add(transfer: Transfer): void {
    this.#transfers.add(transfer);
    const [oldest] = this.#transfers;
    if (!oldest || this.#transfers.size <= lingeringMax) return;
    this.#transfers.delete(oldest);
    oldest.abandon(new TftpError("ABORTED", "the transfer is over"));
  }

  /** It is gone. */
  delete(transfer: Transfer): void {
    this.#transfers.delete(transfer);
  }
}
