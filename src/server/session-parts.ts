// What a session is given: the request that was let in, and what it finds at its server.

import type { ImageCache } from "../transfer/image-cache.ts";
import type { Pacing } from "../transfer/pace.ts";
import type { Scheduler } from "../transfer/scheduler.ts";
import type { ContentPlace, ContentRequest } from "./content.ts";
import type { Seat } from "./occupancy.ts";
import type { PacketSizes } from "./packet-sizes.ts";
import type { Entrance } from "./server-parts.ts";
import type { Ports } from "./transfer-ports.ts";

/** What a session finds at its server. */
export interface Surroundings extends ContentPlace {
  readonly ports: Ports;
  readonly scheduler: Scheduler;
  readonly images: ImageCache;
  readonly pacing: Pacing;
  readonly sizes: PacketSizes | undefined;
  /** 0 to 1, for the spread of timers. */
  readonly random: () => number;
}

export interface SessionRequest extends ContentRequest, Entrance {
  readonly id: number;
  readonly seat: Seat;
}
