// A file, or standard output, that lines are appended to: of the log for programs, and the audit.
// It must not know what they say.

import { closeSync, constants, openSync, statSync } from "node:fs";
import { type DestinationStream, pino } from "pino";

export interface LineFile extends DestinationStream {
  /** The same path anew, after the file was moved away. Throws where that fails; then lines go on
   * into the old one. */
  reopen(): void;
}

const waitingBytesMax = 1024 * 1024;

/** Writes at once, so that nothing is lost at the end. What cannot be written waits for the next
 * line, up to a limit; `onFailure` is told once until it goes on. */
export function lineFile(to: number | string, onFailure: (error: Error) => void): LineFile {
  const destination = withReader(to, () =>
    pino.destination({
      ...{ dest: to, sync: true, append: true, mode: 0o640 },
      maxLength: waitingBytesMax,
    }),
  );
  let failing = false;
  let thrown: unknown;
  destination.on("error", (error: Error) => {
    if (error === thrown) return; // whoever has called knows it
    if (!failing) onFailure(error);
    failing = true;
  });
  destination.on("drain", () => {
    failing = false;
  });
  return {
    write: (line) => destination.write(line),
    reopen: () => {
      try {
        withReader(to, () => destination.reopen());
      } catch (error) {
        thrown = error;
        // It waits to close the old file, which the next attempt does as well: its number may be
        // that of another file by then.
        destination.removeAllListeners("ready");
        throw error;
      }
    },
  };
}

/** To open a FIFO that nobody reads would wait for ever; this throws ENXIO. */
function withReader<T>(to: number | string, open: () => T): T {
  const isFifo = typeof to === "string" && statSync(to, { throwIfNoEntry: false })?.isFIFO();
  if (!isFifo) return open();
  const fd = openSync(to, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    return open();
  } finally {
    closeSync(fd); // only now: its reader would take it for the end
  }
}
