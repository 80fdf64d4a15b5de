// What holds for one transfer: the answer to the client's options, within our limits and with what
// its kind is known to need. Sends nothing.

import { type Agreed, answerOptions, type Terms } from "../core/options.ts";
import type { Options, Request } from "../core/packet.ts";
import type { Manners } from "../core/request.ts";
import type { Limits } from "./limits.ts";
import { type Profile, pacedFor, termsFor } from "./profiles.ts";
import { copiesToUnproven } from "./reflection.ts";

export interface Agreement {
  readonly answer: Options;
  readonly agreed: Agreed;
  readonly manners: Manners;
}

export interface Circumstances {
  readonly profile: Profile | undefined;
  readonly limits: Limits;
  /** Of the content, where it is known. */
  readonly size: number | undefined;
  /** What our side can hold of one window. */
  readonly heldBytes: number;
  /** The largest block that leaves in one packet. */
  readonly packetBytes: number;
  /** 0 to 1, for the spread of timers. */
  readonly jitter: number;
}

export function agreeOn(request: Request, circumstances: Circumstances): Agreement {
  const { profile, limits, size, heldBytes, packetBytes, jitter } = circumstances;
  const terms: Terms = {
    op: request.op,
    rollover: limits.rollover,
    windowsizeMax: limits.windowsizeMax,
    blksizeMax: Math.min(limits.blksizeMax, packetBytes),
    windowBytesMax: Math.min(limits.windowBytesMax, heldBytes),
    size,
  };
  const { answer, agreed } = answerOptions(request.options, termsFor(profile, terms));
  const { timeoutMillis, retries: attempts } = limits;
  const unprovenMax = copiesToUnproven(request, answer);
  const paced = pacedFor(profile, agreed, { timeoutMillis, attempts, jitter, unprovenMax });
  const errorCodes = profile?.errorCodes;
  const manners = errorCodes ? { ...paced.patience, errorCodes } : paced.patience;
  return { answer, agreed: paced.agreed, manners };
}
