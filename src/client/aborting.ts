// What a caller's signal ends, and how. Knows no transfers.

import { TftpError } from "../core/errors.ts";
import type { Millis } from "../core/packet.ts";
import type { Clock } from "../ports.ts";

/** Who is aborted may put away its content for so long. */
const clearingMillis: Millis = 1000;

export function aborted(signal: AbortSignal | undefined): TftpError {
  return new TftpError("ABORTED", "the transfer was aborted", { cause: signal?.reason });
}

/** Waits for work that knows no signal, but no longer than the signal allows. Throws TftpError
 * ABORTED, or what the work throws. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (!signal) return work;
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(aborted(signal));
  });
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([stopped, work]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Waits for a transfer that ends by the signal itself, and a second longer than the signal for its
 * content, unless that `mayTakeLonger`. Throws TftpError ABORTED, or what the transfer throws. */
export async function soonAfterAbort<T>(
  work: Promise<T>,
  { signal, clock }: { readonly signal: AbortSignal | undefined; readonly clock: Clock },
  mayTakeLonger: () => boolean,
): Promise<T> {
  if (!signal) return work;
  work.catch(() => {}); // who gives no signal but something else hears of that alone
  let stop = (): void => {};
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    const leave = (): void => {
      if (!mayTakeLonger()) reject(aborted(signal));
    };
    stop = () => {
      cancel = clock.at(clock.now() + clearingMillis, leave);
    };
  });
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, late]);
  } finally {
    signal.removeEventListener("abort", stop);
    cancel();
  }
}
