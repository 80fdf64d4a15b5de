// What the first of several processes shows: the workers count and keep it, and here it is told as
// if one had. It must not know how they are run.

import cluster, { type Worker } from "node:cluster";
import type { Socket } from "node:net";
import type { Page } from "../web/visit.ts";
import type { Crew } from "./crew.ts";
import { Pages } from "./pages.ts";
import { metricsAddress, type WatchFlags, webPlan } from "./watching.ts";
import { pageStream } from "./worker.ts";

/** Before the first worker is started; tells where. Throws TftpError. */
export async function openCrewPages(
  flags: WatchFlags,
  crew: Crew,
  tell: (line: string) => void,
): Promise<Pages> {
  const pages = new Pages();
  const web = await webPlan(flags);
  const metrics = metricsAddress(flags.metrics);
  if (!web && !metrics) return pages;
  const [{ Registry }, { metricsOf }] = await Promise.all([
    import("prom-client"),
    import("./crew-metrics.ts"),
  ]);
  const shown = {
    page: web && (await pageOf(crew)),
    exposition: {
      type: Registry.PROMETHEUS_CONTENT_TYPE,
      text: () => metricsOf(crew.answering),
    },
    health: { ready: () => crew.ready },
  };
  for (const line of await pages.open({ web, metrics }, shown)) tell(line);
  return pages;
}

async function pageOf(crew: Crew): Promise<Page> {
  cluster.setupPrimary({ stdio: [...pageStream.stdio] });
  const [{ Colleague }, { joinedPage }] = await Promise.all([
    import("../web/passage.ts"),
    import("../web/joined-page.ts"),
  ]);
  const known = new WeakMap<Worker, InstanceType<typeof Colleague>>();
  const colleagueOf = (worker: Worker): InstanceType<typeof Colleague> => {
    const stream = worker.process.stdio[pageStream.number] as Socket;
    const colleague = known.get(worker) ?? new Colleague(stream);
    known.set(worker, colleague);
    return colleague;
  };
  return joinedPage(
    () => new Map(crew.answering.map((worker) => [String(worker.id), colleagueOf(worker)])),
  );
}
