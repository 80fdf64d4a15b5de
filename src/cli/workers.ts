// `tidewire serve --workers N`: as many processes on one port, each with its share of the clients.
// The first process keeps them going and speaks for them. It must not know what they do.

import { inheritedSockets } from "../index.ts";
import { Crew } from "./crew.ts";
import { openCrewPages } from "./crew-pages.ts";
import { endEarlySignals } from "./early-signals.ts";
import { wrongUsage } from "./options.ts";
import type { ServeFlags } from "./serve-options.ts";
import { listenOf } from "./served.ts";
import { type ServiceNotice, serviceNotice } from "./service-notice.ts";
import { workerNumber } from "./worker.ts";

/** Whether this process is the one that only starts others. Throws TftpError INVALID_ARGUMENT for
 * what workers cannot share. */
export function isForWorkers(flags: ServeFlags, isFollower = false): boolean {
  const { workers = 1, port } = flags;
  const isWorker = workerNumber !== undefined;
  if (workers === 1 || isWorker) return false;
  if (isFollower) {
    throw wrongUsage("workers cannot follow a single process", "Restart the service instead.");
  }
  if (inheritedSockets().length > 0) {
    throw wrongUsage(
      "workers cannot share the sockets of systemd (LISTEN_FDS)",
      "Leave the socket unit out: each worker opens the port for itself.",
    );
  }
  if ((listenOf(flags) ?? [{ port }]).some((each) => each.port === 0)) {
    throw wrongUsage("workers cannot share a port that each would choose", "Name a --port.");
  }
  return true;
}

/** Resolves when all have ended in good order. Throws TftpError where one cannot start. */
export async function runWorkers(flags: ServeFlags): Promise<void> {
  const tell = (line: string): void => console.error(line);
  const crew = new Crew((line) => tell(`tidewire: ${line}`));
  const notice = serviceNotice();
  heedSignals(flags, crew, notice);
  endEarlySignals();
  const pages = await openCrewPages(flags, crew, tell);
  const { workers = 1 } = flags;
  const onServing = (): void => {
    tell(`${workers} workers serve.`);
    void notice.ready();
  };
  try {
    await crew.run(workers, onServing);
  } finally {
    await pages.close();
  }
}

/** Each means what it means to a single process: HUP, USR1 and the end are for all of them. Without
 * a file to read again HUP is what it always was: the terminal is gone. */
function heedSignals({ config, singlePort }: ServeFlags, crew: Crew, notice: ServiceNotice): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      notice.stopping();
      crew.stop();
    });
  }
  process.on("SIGUSR1", () => crew.pass("SIGUSR1"));
  process.on("SIGUSR2", () => void (singlePort ? console.error(rehashed) : crew.replace()));
  if (config === undefined) return;
  process.on("SIGHUP", async () => {
    notice.reloading();
    await crew.reload();
    await notice.ready();
  });
}

const rehashed =
  "tidewire: with --single-port the workers are not replaced, for the system would then give the " +
  "packets of running transfers to others; restart the service, clients ask again.";
