// Which packets of the log are one transfer's, or a refused request's. It must not know whose that
// is, nor what they say.

import type { PacketRecord } from "./packet-record.ts";

/** Places are those of the log. */
export class Flight {
  peer = 0;
  id = 0;
  /** Its first packet that was not gathered yet. */
  from = 0;
  /** The last of its requests. */
  asked = 0;
  /** What the peer sent before belongs to an earlier one, too. */
  start = 0;
  end = 0;
  /** From here on it owns nothing more. */
  until = 0;
  /** Its request was still there when an earlier one ended, which it may have been repeated for. */
  stale = false;
  whole = false;
  record: PacketRecord | undefined;

  begin(peer: number, from: number, whole: boolean): void {
    this.peer = peer;
    this.from = this.asked = from;
    this.start = this.end = this.until = Number.POSITIVE_INFINITY;
    this.stale = false;
    this.whole = whole;
  }

  release(): void {
    this.record?.release();
    this.record = undefined;
    this.until = 0;
  }
}
