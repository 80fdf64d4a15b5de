// What a caller has us call (progress, a tap) may throw. Then the transfer ends, and the caller is
// thrown the same. Knows no transfers.

/** The same function, but it throws nothing. */
export type Guard = <A extends readonly unknown[]>(
  call: (...given: A) => void,
) => (...given: A) => void;

/** What a guarded function throws aborts `failed`; in the end it is thrown. */
export async function guarding<T>(
  run: (guard: Guard, failed: AbortSignal) => Promise<T>,
): Promise<T> {
  const failed = new AbortController();
  const thrown: unknown[] = [];
  const guard: Guard = (call) => {
    return (...given) => {
      try {
        call(...given);
      } catch (fault) {
        thrown.push(fault);
        // Not at once: who called is in the middle of something.
        queueMicrotask(() => failed.abort(fault));
      }
    };
  };
  const [ended] = await Promise.allSettled([run(guard, failed.signal)]);
  if (thrown.length > 0) throw thrown[0];
  if (ended.status === "rejected") throw ended.reason;
  return ended.value;
}
