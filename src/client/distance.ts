// How far away the server is shows in its first answer. Where a window of the usual size would
// leave a long line idle, the client asks once more, for a larger one. Knows no sockets.

import { type Agreed, acceptAnswer, type Offer } from "../core/options.ts";
import type { Millis, Options } from "../core/packet.ts";

export interface Answered {
  readonly offer: Offer;
  readonly asked: Options;
  readonly answer: Options;
  /** From the request to this answer. */
  readonly roundTripMillis: Millis;
  readonly receiveBufferBytes: number;
}

/** Below this the usual window does, and what took long may have been the server's disk. */
const farMillis: Millis = 8;
/** A window leaves the server at once, so it is no larger than what a usual line (200 Mbit/s) takes
 * within a round trip: the rest would have to wait, or be dropped, on the way. */
const bytesPerMilli = 25_000;
/** To ask again takes a round trip and a line in the server's log. */
const windowsLeast = 8;

/** What to ask for instead; undefined where this would not pay or the server limits windows. */
export function widerOffer(answered: Answered): Offer | undefined {
  const { offer, asked, answer, roundTripMillis, receiveBufferBytes } = answered;
  if (offer.windowsize === undefined || roundTripMillis < farMillis) return undefined;
  const agreed = accepted(asked, answer);
  if (!agreed) return undefined;
  const { blksize, windowsize, tsize = 0 } = agreed;
  if (windowsize < offer.windowsize || tsize < windowsLeast * windowsize * blksize)
    return undefined;
  const bytes = Math.min(receiveBufferBytes, roundTripMillis * bytesPerMilli, tsize);
  const wider = Math.min(65_535, Math.floor(bytes / blksize));
  return wider >= 2 * windowsize ? { ...offer, windowsize: wider } : undefined;
}

/** What is wrong with an answer is told by whoever takes it. */
function accepted(asked: Options, answer: Options): Agreed | undefined {
  try {
    return acceptAnswer(asked, answer);
  } catch {
    return undefined;
  }
}

/** The server has answered, and was told to wait for another request. */
export class FarAway {
  readonly offer: Offer;

  constructor(offer: Offer) {
    this.offer = offer;
  }
}
