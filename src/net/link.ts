// What two processes say to each other when one follows the other on the same listening sockets. It
// must not know how that is carried.

import type { Address } from "../ports.ts";

/** Of the old process or the new one. `at` names a socket; bytes are only lent. */
export type LinkMessage =
  /** New: everything is there but the sockets. */
  | { readonly kind: "ready" }
  /** Old: they are yours; what these peers send is for transfers of mine. `bound`: these go through
   * the listening sockets in both directions. */
  | { readonly kind: "yours"; readonly peers: readonly string[]; readonly bound: boolean }
  /** New: a peer of yours has sent this. Old: it is none of mine any more. */
  | {
      readonly kind: "heard";
      readonly at: string;
      readonly datagram: Uint8Array;
      readonly from: Address;
    }
  /** Old: send this for me. */
  | {
      readonly kind: "send";
      readonly at: string;
      readonly run: Uint8Array;
      readonly segmentSize: number;
      readonly to: Address;
    }
  /** New: the sockets are closed after so long. */
  | { readonly kind: "end"; readonly graceMillis: number };

/** Messages are structured clones, and arrive whole and in order. The handlers are set by whoever
 * uses it. */
export interface Link {
  /** False while much is under way: what may be lost as datagrams may is not sent until
   * `onWritable`. */
  readonly writable: boolean;
  /** Never throws; after `onClosed` nothing is sent. */
  send(message: LinkMessage): void;
  onMessage: (message: LinkMessage) => void;
  onWritable: () => void;
  /** The other process has ended, or wants no more. */
  onClosed: () => void;
}

/** One for each listening socket, and for each peer. */
export function nameOf({ host, port }: Address): string {
  return `${host} ${port}`;
}
