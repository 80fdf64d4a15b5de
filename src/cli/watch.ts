// Joins the parts that look at a server: recorder, history, metrics, captures, page.

import type { Address, PacketTap, Server, ServerEvent } from "../index.ts";
import { CaptureFiles } from "../observe/capture-files.ts";
import { FlightRecorder } from "../observe/flight-recorder.ts";
import { Metrics } from "../observe/metrics.ts";
import { Observer } from "../observe/observer.ts";
import { ownVersion } from "../web/own-files.ts";
import type { Listening, Watched, WebAddress } from "../web/web-server.ts";
import type { Served, Watching } from "./watching.ts";

export interface WatchPlan {
  readonly web: Address | undefined;
  readonly metrics: Address | undefined;
  readonly password: string | undefined;
  readonly names: readonly string[];
  readonly capture: { readonly which: "failures" | "all"; readonly folder: string } | undefined;
  readonly bytesMax: number;
  readonly served: Served;
}

/** Throws TftpError. */
export async function watch(plan: WatchPlan): Promise<Watching> {
  const { web, capture, bytesMax, served } = plan;
  const wantsPackets = web !== undefined || capture !== undefined;
  const recorder = wantsPackets
    ? new FlightRecorder({ whole: capture !== undefined, bytesMax })
    : undefined;
  const version = ownVersion();
  const metrics = new Metrics(version);
  const observer = new Observer(recorder);
  const files = capture && new CaptureFiles(observer, { ...capture, onProblem: served.onProblem });
  await files?.prepare();
  const pages: (Listening & { readonly asked: Address })[] = [];
  const closePages = async (): Promise<void> => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
  };
  const at = (asked: Address): WebAddress => ({ ...asked, fd: served.pageAt?.(asked) });
  let ready = true;
  return {
    tap: tapOf(metrics, recorder),
    handleEvent: (event: ServerEvent) => {
      metrics.handleEvent(event);
      observer.handleEvent(event);
    },
    open: async (server) => {
      metrics.watch(server);
      const watched = watchedOf(server, () => ready);
      const lines: string[] = [];
      if (web) {
        const page = await openPage(plan, { observer, metrics, watched, version }, at(web));
        pages.push({ ...page, asked: web });
        lines.push(`Watch it on ${urlOf(page)}`);
      }
      if (plan.metrics) {
        const { openMetrics } = await import("../web/web-server.ts");
        const page = await openMetrics(at(plan.metrics), metrics, watched);
        pages.push({ ...page, asked: plan.metrics });
        lines.push(`Metrics on ${urlOf(page)}metrics`);
      }
      return lines;
    },
    pages,
    closePages,
    stopping: () => {
      ready = false;
    },
    close: async () => {
      await closePages();
      await files?.idle();
      metrics.close();
    },
  };
}

interface Parts {
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly watched: Watched;
  readonly version: string;
}

async function openPage(plan: WatchPlan, parts: Parts, address: WebAddress): Promise<Listening> {
  const { openWeb } = await import("../web/web-server.ts");
  const { dir, storage, dotFiles, uploads, uploadBytesMax } = plan.served;
  return openWeb({
    ...parts,
    address,
    password: plan.password,
    names: plan.names,
    shelf: { storage, root: dir, dotFiles },
    uploads,
    uploadBytesMax,
  });
}

function watchedOf(server: Server, ready: () => boolean): Watched {
  return {
    snapshot: () => server.snapshot(),
    get addresses() {
      return server.addresses;
    },
    ready,
  };
}

function tapOf(metrics: Metrics, recorder: FlightRecorder | undefined): PacketTap {
  return {
    opened: (local) => metrics.opened(local),
    closed: (local) => metrics.closed(local),
    ...(recorder && {
      sent: recorder.sent.bind(recorder),
      received: recorder.received.bind(recorder),
    }),
  };
}

function urlOf({ address: { host, port } }: Listening): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
}
