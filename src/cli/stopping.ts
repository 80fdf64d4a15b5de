// How `tidewire serve` ends: in good order at the first signal, at once at the next ones.

import type { Server } from "../index.ts";
import { whenStopped, workerNumber } from "./worker.ts";

export const graceMillis: number = 5000;

/** Longer than any transfer: their own limits end them. */
const drainMillis = 7 * 24 * 3600 * 1000;

export interface Stopping {
  /** Resolves when the server is closed. */
  readonly closed: Promise<void>;
  /** Lets transfers finish, however long they take. */
  drain(): void;
}

/** The first signal lets transfers finish for a while, the second ends them with an ERROR to their
 * clients, the third ends the process. */
export function stopAtSignal(server: Server, onStopping: () => void): Stopping {
  let count = 0;
  let closed = (): void => {};
  const close = (graceMillis: number): void => void server.close({ graceMillis }).then(closed);
  const stop = (times: number): void => {
    if (times <= count) return;
    count = times;
    onStopping();
    const running = server.snapshot().length;
    if (count === 1 && running > 0) {
      const what = running === 1 ? "1 transfer" : `${running} transfers`;
      console.error(
        `Stopping: ${what} may go on for ${graceMillis / 1000} s; once more ends at once.`,
      );
    }
    if (count > 2) process.exit();
    close(count === 1 ? graceMillis : 0);
  };
  let signals = 0;
  const heed = (): void => stop(++signals);
  process.on("SIGTERM", heed);
  // A terminal and systemd tell all processes. What a worker hears from the first one is the same,
  // so it does not count once more; and only the first one knows what the terminal means.
  process.on("SIGINT", workerNumber === undefined ? heed : () => {});
  whenStopped(stop);
  return {
    closed: new Promise((resolve) => {
      closed = resolve;
    }),
    drain: () => close(drainMillis),
  };
}
