// What a server is made of, what it tells of itself, and in what form a request goes through it.

import type { Request } from "../core/packet.ts";
import type { Clock, DatagramSocket, Network, RequestInfo, Storage } from "../ports.ts";
import type { ImageCache } from "../transfer/image-cache.ts";
import type { ServerEvent } from "./events.ts";
import type { Limits } from "./limits.ts";
import type { Judge } from "./policy.ts";
import type { PortRange } from "./port-range.ts";
import type { UploadQuota } from "./upload-quota.ts";

export interface ServerParts {
  readonly storage: Storage;
  readonly network: Network;
  readonly clock: Clock;
  readonly judge: Judge;
  readonly limits: Limits;
  readonly random: () => number;
  /** Whether transfers go through the port that was asked. */
  readonly singlePort?: boolean;
  /** Others listen on the same port, and the system decides who of them hears a client. */
  readonly reusePort?: boolean | undefined;
  /** Of those that hear the same broadcast one is to answer; asked for each. */
  readonly answersBroadcasts?: (() => boolean) | undefined;
  /** Where else transfers take their ports from; any port that is free without one. */
  readonly tidPorts?: PortRange | undefined;
  /** Whether blocks may be larger than what leaves in one packet; asked for each. */
  readonly fragments?: () => boolean;
  readonly onEvent: (event: ServerEvent) => void;
  /** One of its own by default. */
  readonly images?: ImageCache;
  /** The same. */
  readonly quota?: UploadQuota;
}

/** Where a request came in. */
export interface Entrance {
  /** Of the address that answers. */
  readonly socket: DatagramSocket;
  /** The address that was asked instead, if that was a broadcast. */
  readonly broadcast?: string | undefined;
}

export interface ServerStats {
  /** Transfers that were let in, also those whose content is still being opened. */
  readonly admitted: number;
  /** Those whose content is still being opened. */
  readonly opening: number;
  /** Requests that wait for a place among the transfers. */
  readonly queued: number;
  /** Encoded blocks that are kept, in bytes, and how often they were there already. */
  readonly cacheBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** A request with a verdict. */
export interface Admitted extends Entrance {
  readonly request: Request;
  readonly name: string;
  readonly info: RequestInfo;
}
