// Joins the parts that look at a server: recorder, history, metrics, captures, page.

import { readFileSync } from "node:fs";
import type { Address, PacketTap, Server, ServerEvent } from "../index.ts";
import { CaptureFiles } from "../observe/capture-files.ts";
import { FlightRecorder } from "../observe/flight-recorder.ts";
import { Observer } from "../observe/observer.ts";
import { Totals } from "../observe/totals.ts";
import type { Exposition, Listening, Watched, WebOptions } from "../web/web-server.ts";
import type { Metrics } from "./metrics.ts";
import type { Served, Watching } from "./watching.ts";

export interface WatchPlan {
  readonly web: Address | undefined;
  readonly metrics: Address | undefined;
  readonly password: string | undefined;
  readonly names: readonly string[];
  readonly capture: { readonly which: "failures" | "all"; readonly folder: string } | undefined;
  readonly bytesMax: number;
  /** Of this process among several: what it counts is told by the first one. */
  readonly worker: number | undefined;
  readonly served: Served;
}

/** Throws TftpError. */
export async function watch(plan: WatchPlan): Promise<Watching> {
  const { web, capture, bytesMax, served } = plan;
  const wantsPackets = web !== undefined || capture !== undefined;
  const recorder = wantsPackets
    ? new FlightRecorder({ whole: capture !== undefined, bytesMax })
    : undefined;
  const version = versionOfPackage();
  const totals = new Totals();
  const wantsMetrics = web !== undefined || plan.metrics !== undefined;
  const metrics = wantsMetrics ? await metricsFor(version, totals, plan) : undefined;
  const observer = new Observer(recorder, plan.worker === undefined ? "" : `${plan.worker}.`);
  const files = capture && new CaptureFiles(observer, { ...capture, onProblem: served.onProblem });
  await files?.prepare();
  const listening: Listening[] = [];
  let ready = true;
  return {
    tap: tapOf(metrics, recorder),
    handleEvent: (event: ServerEvent) => {
      totals.handleEvent(event);
      metrics?.handleEvent(event);
      observer.handleEvent(event);
    },
    open: async (server) => {
      totals.watch(() => server.snapshot());
      metrics?.watch(server);
      const exposition = metrics && expositionOf(metrics);
      const watched = watchedOf(server, () => ready);
      const lines: string[] = [];
      if (web && exposition) {
        const parts = { observer, totals, exposition, watched, version };
        const { openWeb, urlOf } = await import("../web/web-server.ts");
        listening.push(await openWeb(pageOptions(plan, parts, web)));
        lines.push(`Watch it on ${urlOf(listening.at(-1) as Listening)}`);
      }
      if (plan.metrics && exposition && plan.worker === undefined) {
        const { openMetrics, urlOf } = await import("../web/web-server.ts");
        listening.push(await openMetrics(plan.metrics, exposition, watched));
        lines.push(`Metrics on ${urlOf(listening.at(-1) as Listening)}metrics`);
      }
      return lines;
    },
    stopping: () => {
      ready = false;
    },
    close: async () => {
      await Promise.all(listening.map((each) => each.close()));
      await files?.idle();
      metrics?.close();
    },
  };
}

interface Parts {
  readonly observer: Observer;
  readonly totals: Totals;
  readonly exposition: Exposition;
  readonly watched: Watched;
  readonly version: string;
}

function pageOptions(plan: WatchPlan, parts: Parts, address: Address): WebOptions {
  const { dir, storage, dotFiles, uploads, uploadBytesMax, onUpload } = plan.served;
  return {
    ...parts,
    address,
    password: plan.password,
    names: plan.names,
    shelf: { storage, root: dir, dotFiles },
    uploads,
    uploadBytesMax,
    ...(onUpload ? { onUpload } : {}),
  };
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

async function metricsFor(
  version: string,
  totals: Totals,
  { worker }: WatchPlan,
): Promise<Metrics> {
  const { Metrics } = await import("./metrics.ts");
  const metrics = new Metrics(version, totals);
  if (worker !== undefined) metrics.answerFirstProcess();
  return metrics;
}

function expositionOf(metrics: Metrics): Exposition {
  return { type: metrics.registry.contentType, text: () => metrics.registry.metrics() };
}

function tapOf(metrics: Metrics | undefined, recorder: FlightRecorder | undefined): PacketTap {
  return {
    ...(metrics && {
      opened: (local) => metrics.opened(local),
      closed: (local) => metrics.closed(local),
    }),
    ...(recorder && {
      sent: recorder.sent.bind(recorder),
      received: recorder.received.bind(recorder),
    }),
  };
}

function versionOfPackage(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return JSON.parse(text).version;
}
