// `tidewire serve --workers N`: as many processes on one port, each with its share of the clients.
// The first process keeps them going and tells the metrics of all of them. It must not know what
// they do.

import type { Address } from "../index.ts";
import type { Listening } from "../web/web-server.ts";
import { Crew } from "./crew.ts";
import { wrongUsage } from "./options.ts";
import type { ServeFlags } from "./serve-options.ts";
import { metricsAddress } from "./watching.ts";
import { workerNumber } from "./worker.ts";

/** Whether this process is the one that only starts others. Throws TftpError INVALID_ARGUMENT for
 * what workers cannot share. */
export function isForWorkers({ workers = 1, port, web }: ServeFlags, isFollower = false): boolean {
  const isWorker = workerNumber !== undefined;
  if (workers === 1 || isWorker) return false;
  if (isFollower) {
    throw wrongUsage("workers cannot follow a single process", "Restart the service instead.");
  }
  if (port === 0) {
    throw wrongUsage("workers cannot share a port that each would choose", "Name a --port.");
  }
  if (web !== undefined) {
    throw wrongUsage("--web shows one process, not --workers", "Leave out one of them.");
  }
  return true;
}

/** Resolves when all have ended in good order. Throws TftpError where one cannot start. */
export async function runWorkers({ workers = 1, metrics, singlePort }: ServeFlags): Promise<void> {
  const tell = (line: string): void => console.error(`tidewire: ${line}`);
  const crew = new Crew(tell);
  const address = metricsAddress(metrics);
  const listening = address && (await openMetrics(address, crew));
  process.on("SIGUSR2", () => void (singlePort ? tell(rehashed) : crew.replace()));
  try {
    await crew.run(workers);
  } finally {
    await listening?.close();
  }
}

const rehashed =
  "with --single-port the workers are not replaced, for the system would then give the packets " +
  "of running transfers to others; restart the service, clients ask again.";

/** The workers count; their sums are told here. */
async function openMetrics(address: Address, crew: Crew): Promise<Listening> {
  const [{ AggregatorRegistry }, web] = await Promise.all([
    import("prom-client"),
    import("../web/web-server.ts"),
  ]);
  const registry = new AggregatorRegistry();
  const exposition = { type: registry.contentType, text: () => registry.clusterMetrics() };
  const watched = { addresses: [address], ready: () => crew.ready };
  const listening = await web.openMetrics(address, exposition, watched);
  console.error(`Metrics on ${web.urlOf(listening)}metrics`);
  return listening;
}
