// Joins the parts that look at a server: recorder, history, metrics, captures, page.

import type { Address, PacketTap, Run, Server, ServerEvent } from "../index.ts";
import { CaptureFiles } from "../observe/capture-files.ts";
import { FlightRecorder } from "../observe/flight-recorder.ts";
import { Observer } from "../observe/observer.ts";
import { Totals } from "../observe/totals.ts";
import { ownVersion } from "../web/own-files.ts";
import type { Passage } from "../web/passage.ts";
import type { Page } from "../web/visit.ts";
import type { Exposition } from "../web/web-server.ts";
import type { Metrics } from "./metrics.ts";
import { pageShelf } from "./page-shelf.ts";
import { Pages } from "./pages.ts";
import type { Served, Watching, WebPlan } from "./watching.ts";
import { openPageStream } from "./worker.ts";

export interface WatchPlan {
  readonly web: WebPlan | undefined;
  readonly metrics: Address | undefined;
  readonly capture: { readonly which: "failures" | "all"; readonly folder: string } | undefined;
  readonly bytesMax: number;
  /** Of this process among several: the first one tells what it counts, and shows its page. */
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
  const totals = new Totals();
  const wantsMetrics = web !== undefined || plan.metrics !== undefined;
  const metrics = wantsMetrics ? await metricsFor(totals, plan) : undefined;
  const observer = new Observer(recorder, plan.worker === undefined ? "" : `${plan.worker}.`);
  const files = capture && new CaptureFiles(observer, { ...capture, onProblem: served.onProblem });
  const pages = new Pages();
  let page: Page | undefined;
  let passage: Passage | undefined;
  let ready = true;
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  return {
    tap: tapOf(metrics, recorder),
    handleEvent: (event: ServerEvent) => {
      totals.handleEvent(event);
      metrics?.handleEvent(event);
      observer.handleEvent(event);
    },
    open: async (server) => {
      await files?.prepare();
      totals.watch(() => server.snapshot());
      metrics?.watch(server);
      page = web && (await pageOf(server, served, { observer, totals }));
      if (plan.worker === undefined) {
        if (!metrics) return [];
        const exposition = expositionOf(metrics);
        const places = { web, metrics: plan.metrics, pageAt: served.pageAt };
        return pages.open(places, {
          page,
          exposition,
          health: { ready: () => ready && server.addresses.length > 0 },
        });
      }
      if (page) passage = await showToFirst(page);
      return [];
    },
    get pages() {
      return pages.listening;
    },
    closePages: () => pages.close(),
    stopping: () => {
      ready = false;
      stop();
    },
    close: async () => {
      // Whoever only leaves its place to another one ends what it has begun, as transfers do.
      if (passage) await Promise.race([passage.close(), stopped]);
      passage?.cut();
      await pages.close();
      await page?.settled();
      await files?.idle();
      metrics?.close();
    },
  };
}

interface Parts {
  readonly observer: Observer;
  readonly totals: Totals;
}

async function pageOf(server: Server, served: Served, parts: Parts): Promise<Page> {
  const { sitePage } = await import("../web/routes.ts");
  return sitePage({
    ...parts,
    watched: server,
    shelf: pageShelf(served.parts, server),
    onUpload: served.onUpload,
    version: ownVersion(),
  });
}

/** The first process asks for it. */
async function showToFirst(page: Page): Promise<Passage> {
  const { answerThrough } = await import("../web/passage.ts");
  return answerThrough(openPageStream(), page);
}

async function metricsFor(totals: Totals, { worker }: WatchPlan): Promise<Metrics> {
  const { Metrics } = await import("./metrics.ts");
  const metrics = new Metrics(ownVersion(), totals);
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
