// What a caller may ask of a transfer, and what is told of it.

import type { Rollover } from "../core/options.ts";
import type { Millis, Mode } from "../core/packet.ts";
import type { Address } from "../ports.ts";
import type { Tally } from "../transfer/transfer.ts";

export interface TransferOptions {
  /** Bytes a block, 8 to 65464; "auto" (default) is what needs no fragments on the way. */
  readonly blksize?: number | "auto";
  /** Blocks a window, 1 to 65535; "auto" (default) is what the receive buffer holds, at most 64;
   * for a large file from a server far away more. */
  readonly windowsize?: number | "auto";
  /** How long an answer is waited for before the round trip is known; whole seconds are also agreed
   * with the server (RFC 2349) and then hold exactly. Default 1000, not agreed. */
  readonly timeoutMillis?: Millis;
  /** How often a packet that nobody answers is repeated. Default 6. Until a first block has moved
   * it is half as often, where a request without options may follow. */
  readonly retries?: number;
  /** What follows block 65535. Default 0, what nearly everybody does. */
  readonly rollover?: Rollover;
  /** Asks for no option at all: RFC 1350 as it was in 1992. */
  readonly plain?: boolean;
  /** A download that is larger, or is announced to be, fails with TOO_LARGE. In bytes as they come
   * over the wire. Default: no limit. */
  readonly bytesMax?: number;
  /** Ends the transfer with an ERROR to the server and ABORTED here, within a second unless the
   * file is being stored. */
  readonly signal?: AbortSignal;
  /** What it throws ends the transfer in the same way, and is thrown here. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly bytes: number;
  /** In bytes, where the server or the source told it. */
  readonly size?: number;
}

/** What can be told of a transfer that ended well. */
export interface TransferReport extends Tally {
  readonly filename: string;
  readonly mode: Mode;
  readonly server: Address;
  /** In bytes, as it was announced (tsize). */
  readonly size?: number;
  /** What the network did that is worth knowing, and what to do about it. */
  readonly hint?: string;
}
