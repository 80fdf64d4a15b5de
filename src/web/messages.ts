// What the server tells the page, as JSON: written here once, for who sends it and who reads it.
// Types alone, so that nothing of the server reaches the browser.

import type { HistoryEntry, MissingName } from "../observe/history.ts";
import type { Op } from "../observe/op.ts";
import type { UnansweredRequest } from "../observe/unanswered.ts";
import type { Address } from "../ports.ts";

export interface RunningTransfer {
  readonly id: string;
  readonly op: Op;
  readonly filename: string;
  readonly client: string;
  readonly clientPort: number;
  readonly bytes: number;
  readonly size: number | null;
  readonly bytesPerSecond: number;
  readonly blksize: number;
  readonly windowsize: number;
  readonly resent: number;
  readonly duplicates: number;
  readonly roundTripMillis: number | null;
  readonly family: string | null;
  readonly startedAt: number;
  /** What may keep it from its end. */
  readonly warning: string | null;
}

/** What runs, the newest first. */
export interface Running {
  readonly transfers: readonly RunningTransfer[];
  /** So many more than are listed. */
  readonly more: number;
  /** So many requests got no answer so far. */
  readonly unanswered: number;
}

/** What may change while it runs: interfaces come and go, a configuration is read anew. */
export interface Standing {
  readonly addresses: readonly Address[];
  readonly uploads: "off" | "create" | "overwrite";
}

/** A transfer that ended, or a request that was refused. `/api/transfers/ID`: or one that runs. */
export type Entry = HistoryEntry;

/** One second: [time, bytes sent to clients, bytes received]. */
export type Sample = readonly [at: number, sent: number, received: number];

/** `/api/state`: how things stand. */
export interface State extends Running, Standing {
  /** Another for each start of the server: ids begin again with it. */
  readonly instance: string;
  readonly version: string;
  /** The newest first. */
  readonly history: readonly Entry[];
  readonly samples: readonly Sample[];
}

/** `/api/events`: what has changed since. */
export interface Tick extends Running {
  readonly ended: readonly Entry[];
  readonly sample: Sample | null;
  /** Null where no worker has told yet. */
  readonly standing: Standing | null;
}

/** `/api/missing`: a name that was asked for and not found. */
export interface Missing extends MissingName {
  /** Names that may have been meant. */
  readonly near: readonly string[];
}

/** `/api/unanswered`: a request that got no answer. */
export type Unanswered = UnansweredRequest;

/** `/api/files`: what is in a folder. */
export interface Folder {
  readonly entries: readonly FolderEntry[];
  /** Into this folder. */
  readonly uploads: Standing["uploads"];
  /** So many more than are listed. */
  readonly more: number;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly size: number | null;
  readonly modifiedAt: number | null;
}

/** `/api/transfers/ID/packets` begins with this; the rows of `observe/packet-record.ts` follow. */
export interface PacketTableHead {
  readonly total: number;
  readonly dropped: number;
  readonly head: number;
  readonly texts: readonly (readonly [row: number, base64: string])[];
}
