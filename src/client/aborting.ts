// What a caller's signal ends, and how. Knows no transfers.

import { TftpError } from "../core/errors.ts";

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
