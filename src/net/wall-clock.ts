// The Clock of the real world: the machine's monotonic time and Node's timers.
// It must not know what anybody waits for.

import { performance } from "node:perf_hooks";
import type { Clock } from "../ports.ts";

/** The longest wait that setTimeout takes; it turns a longer one into 1 ms. */
const longestWaitMillis = 2 ** 31 - 1;

/** `now` counts from the start of the process and never goes back.
 *
 * A timer of `at` does not keep the process alive: a transfer has an open socket, which does. What
 * has none left (a limit on age, a rescan) is no reason to stay. */
export const wallClock: Clock = {
  now: (): number => performance.now(),

  at(deadline: number, wake: () => void): () => void {
    let timer: NodeJS.Timeout;
    const arm = (leftMillis: number): void => {
      timer = setTimeout(check, Math.min(Math.ceil(leftMillis), longestWaitMillis)).unref();
    };
    // Node counts in whole milliseconds from the start of a turn, so that a timer may fire early.
    const check = (): void => {
      const leftMillis = deadline - performance.now();
      if (leftMillis > 0) arm(leftMillis);
      else wake();
    };
    arm(Math.max(deadline - performance.now(), 0));
    return () => clearTimeout(timer);
  },

  soon(run: () => void): void {
    setImmediate(run);
  },
};
