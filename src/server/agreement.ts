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

interface Answered {
  readonly terms: Terms;
  readonly answer: Options;
  readonly agreed: Agreed;
  readonly unprovenMax: number;
}

/** What was answered to the same request under the same terms. */
const answered = new WeakMap<Request, Answered>();

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
  let known = answered.get(request);
  if (!known || !isSame(known.terms, terms)) {
    const { answer, agreed } = answerOptions(request.options, termsFor(profile, terms));
    known = { terms, answer, agreed, unprovenMax: copiesToUnproven(request, answer) };
    answered.set(request, known);
  }
  const { answer, agreed, unprovenMax } = known;
  const { timeoutMillis, retries: attempts } = limits;
  const paced = pacedFor(profile, agreed, { timeoutMillis, attempts, jitter, unprovenMax });
  const errorCodes = profile?.errorCodes;
  const manners = errorCodes ? { ...paced.patience, errorCodes } : paced.patience;
  return { answer, agreed: paced.agreed, manners };
}

/** For one request. */
function isSame(a: Terms, b: Terms): boolean {
  return (
    a.size === b.size &&
    a.blksizeMax === b.blksizeMax &&
    a.windowsizeMax === b.windowsizeMax &&
    a.windowBytesMax === b.windowBytesMax &&
    a.rollover === b.rollover
  );
}
