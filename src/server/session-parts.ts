// What a session is given: the request that was let in, and what it finds at its server.

import { ImageCache } from "../transfer/image-cache.ts";
import { Pacing } from "../transfer/pace.ts";
import { Scheduler } from "../transfer/scheduler.ts";
import type { ContentPlace, ContentRequest } from "./content.ts";
import type { Seat } from "./occupancy.ts";
import { PacketSizes } from "./packet-sizes.ts";
import type { Entrance, ServerParts } from "./server-parts.ts";
import type { Ports } from "./transfer-ports.ts";
import { UploadQuota } from "./upload-quota.ts";

/** What a session finds at its server. */
export interface Surroundings extends ContentPlace {
  readonly ports: Ports;
  readonly scheduler: Scheduler;
  readonly images: ImageCache;
  readonly pacing: Pacing;
  readonly sizes: PacketSizes;
  readonly fragments: () => boolean;
  /** 0 to 1, for the spread of timers. */
  readonly random: () => number;
}

export interface SessionRequest extends ContentRequest, Entrance {
  readonly id: number;
  readonly seat: Seat;
}

export function surroundingsOf(parts: ServerParts, ports: Ports): Surroundings {
  const { storage, limits, clock, network, random } = parts;
  return {
    storage,
    limits,
    random,
    ports,
    scheduler: new Scheduler(clock),
    images: parts.images ?? new ImageCache(limits.cacheBytes),
    quota: parts.quota ?? new UploadQuota(limits.uploadTotalBytesMax),
    pacing: new Pacing(limits.bytesPerSecond, limits.bytesPerSecondPerTransfer),
    sizes: new PacketSizes(network, clock),
    fragments: parts.fragments ?? (() => false),
  };
}
