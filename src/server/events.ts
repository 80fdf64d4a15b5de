// What happens in a server, as plain objects. Logs, metrics and pages are readers of these.

import type { TftpError } from "../core/errors.ts";
import type { Mode } from "../core/packet.ts";
import type { Address } from "../ports.ts";
import type { Tally } from "../transfer/transfer.ts";
import type { Diagnosis } from "./diagnosis.ts";

/** One transfer as it stands at the time of the event or snapshot. */
export interface TransferInfo extends Tally {
  /** Unique within one server. */
  readonly id: number;
  readonly op: "rrq" | "wrq";
  /** As the client wrote it: not to be trusted with a terminal. */
  readonly filename: string;
  readonly mode: Mode;
  readonly client: Address;
  /** Our end of the transfer. */
  readonly local: Address;
  /** The kind of client, such as `ipxe`, where its options tell. */
  readonly family?: string;
  /** In bytes, where it is known. */
  readonly size?: number;
  /** Of the stored content, in hexadecimal: of an upload once it is stored, of a download where a
   * manifest vouches for it. */
  readonly sha256?: string;
  /** Whether an OACK was sent. */
  readonly options: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** How a transfer ended:
 * - `completed`: the last block is acknowledged, and after an upload durably stored;
 * - `unconfirmed`: everything was sent, only the last ACK never came (many clients send none);
 * - `probe`: the client only wanted to know the size, and said so after our OACK;
 * - `aborted`: the client ended it by an ERROR;
 * - `replaced`: the client began anew from the same port;
 * - `elsewhere`: the request was a broadcast, and the client took nothing from us; another server
 *   may have been quicker;
 * - `failed`: anything else, see `error`. */
export type Ending =
  | "completed"
  | "unconfirmed"
  | "probe"
  | "aborted"
  | "replaced"
  | "elsewhere"
  | "failed";

export interface RefusedRequest {
  readonly op: "rrq" | "wrq";
  readonly filename: string;
  readonly client: Address;
  /** As in TransferInfo. */
  readonly family?: string;
}

/** A transfer has come to its end. */
export interface Ended {
  readonly kind: "ended";
  readonly ending: Ending;
  readonly transfer: TransferInfo;
  readonly error?: TftpError;
  /** Why it failed, as far as its packets tell. */
  readonly diagnosis?: Diagnosis;
}

export type ServerEvent =
  /** With a diagnosis: it may not come to its end. */
  | {
      readonly kind: "started";
      readonly transfer: TransferInfo;
      readonly diagnosis?: Diagnosis;
    }
  | Ended
  /** Answered with one ERROR packet. */
  | {
      readonly kind: "refused";
      readonly request: RefusedRequest;
      readonly error: TftpError;
      readonly diagnosis?: Diagnosis;
    }
  /** Not answered: by a verdict, with its reason if it has one, or at a limit, with an error. */
  | {
      readonly kind: "ignored";
      readonly request: RefusedRequest;
      readonly reason?: string;
      readonly error?: TftpError;
    }
  /** A datagram at the listening port that belongs to nothing. */
  | { readonly kind: "stray"; readonly from: Address; readonly reason: string }
  | { readonly kind: "listening"; readonly address: Address }
  /** Something of this machine went wrong; the server goes on. */
  | { readonly kind: "problem"; readonly error: TftpError };
