// Joins the parts that look at a server: recorder, history, metrics, captures, page.

import type { Address, PacketTap, Run, Server, ServerEvent } from "../index.ts";
import { CaptureFiles } from "../observe/capture-files.ts";
import { FlightRecorder } from "../observe/flight-recorder.ts";
import { Observer } from "../observe/observer.ts";
import { Totals } from "../observe/totals.ts";
import { ownVersion } from "../web/own-files.ts";
import type { Exposition, Listening, Watched, WebAddress, WebOptions } from "../web/web-server.ts";
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
  const version = ownVersion();
  const totals = new Totals();
  const wantsMetrics = web !== undefined || plan.metrics !== undefined;
  const metrics = wantsMetrics ? await metricsFor(version, totals, plan) : undefined;
  const observer = new Observer(recorder, plan.worker === undefined ? "" : `${plan.worker}.`);
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
        const page = await openWeb(pageOptions(plan, parts, at(web)));
        pages.push({ ...page, asked: web });
        lines.push(`Watch it on ${urlOf(page)}`);
      }
      if (plan.metrics && exposition && plan.worker === undefined) {
        const { openMetrics, urlOf } = await import("../web/web-server.ts");
        const page = await openMetrics(at(plan.metrics), exposition, watched);
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

function pageOptions(plan: WatchPlan, parts: Parts, address: WebAddress): WebOptions {
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
  return metrics && recorder ? new Both(metrics, recorder) : (recorder ?? metrics ?? {});
}

/** A class, because what is called for each packet should be found at once. */
class Both implements PacketTap {
  readonly #metrics: Metrics;
  readonly #recorder: FlightRecorder;

  constructor(metrics: Metrics, recorder: FlightRecorder) {
    this.#metrics = metrics;
    this.#recorder = recorder;
  }

  sent(run: Run, local: Address, to: Address): void {
    this.#recorder.sent(run, local, to);
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    this.#recorder.received(datagram, local, from);
  }

  moment(): void {
    this.#recorder.moment();
  }

  opened(local: Address): void {
    this.#metrics.opened(local);
  }

  closed(local: Address): void {
    this.#metrics.closed(local);
  }
}
