// How `tidewire serve` ends: in good order at the first signal, at once at the next ones.

import type { Server } from "../index.ts";

export const graceMillis: number = 5000;

/** Resolves when the server is closed. The first signal lets transfers finish for a while, the
 * second ends them with an ERROR to their clients, the third ends the process. */
export function closedBySignal(
  server: Server,
  onStopping: () => void,
  isWorker = false,
): Promise<void> {
  let count = 0;
  return new Promise<void>((closed) => {
    const stop = (): void => {
      count += 1;
      onStopping();
      const running = server.snapshot().length;
      if (count === 1 && running > 0) {
        const what = running === 1 ? "1 transfer" : `${running} transfers`;
        console.error(
          `Stopping: ${what} may go on for ${graceMillis / 1000} s; once more ends at once.`,
        );
      }
      if (count > 2) process.exit();
      void server.close({ graceMillis: count === 1 ? graceMillis : 0 }).then(closed);
    };
    process.on("SIGTERM", stop);
    // A terminal tells all processes; what a worker is told by the first one would come twice.
    process.on("SIGINT", isWorker ? () => {} : stop);
  });
}
