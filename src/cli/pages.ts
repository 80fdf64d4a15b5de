// What listens for HTTP beside a server, or beside several: the page and metrics, each at its
// address.

import type { Server as HttpServer } from "node:http";
import type { Address } from "../index.ts";
import type { Page } from "../web/visit.ts";
import type { Exposition, Health, Listening, WebAddress } from "../web/web-server.ts";
import type { WebPlan } from "./watching.ts";

/** What is to listen. */
export interface PagesPlan {
  readonly web: WebPlan | undefined;
  readonly metrics: Address | undefined;
  /** A descriptor that listens on this TCP address already. */
  readonly pageAt?: ((address: Address) => number | undefined) | undefined;
}

/** What it tells. */
export interface Shown {
  readonly page: Page | undefined;
  readonly exposition: Exposition;
  readonly health: Health;
}

export class Pages {
  readonly #opened: (Listening & { readonly asked: Address })[] = [];

  /** Those that listen, by the address that was asked for. */
  get listening(): readonly { readonly asked: Address; readonly server: HttpServer }[] {
    return this.#opened;
  }

  /** All or none; the result says where. Throws TftpError NETWORK. */
  async open(plan: PagesPlan, shown: Shown): Promise<readonly string[]> {
    try {
      return await this.#open(plan, shown);
    } catch (thrown) {
      await this.close();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((each) => each.close()));
  }

  async #open({ web, metrics, pageAt }: PagesPlan, shown: Shown): Promise<readonly string[]> {
    const { page, exposition, health } = shown;
    const { openMetrics, openWeb, urlOf } = await import("../web/web-server.ts");
    const at = (asked: Address): WebAddress => ({ ...asked, fd: pageAt?.(asked) });
    const lines: string[] = [];
    const add = (asked: Address, opened: Listening): string => {
      this.#opened.push({ ...opened, asked });
      return urlOf(opened);
    };
    if (web && page) {
      const { password, names } = web;
      const address = at(web.address);
      const opened = await openWeb({ address, password, names, health, exposition, page });
      lines.push(`Watch it on ${add(web.address, opened)}`);
    }
    if (metrics) {
      const opened = await openMetrics(at(metrics), exposition, health);
      lines.push(`Metrics on ${add(metrics, opened)}metrics`);
    }
    return lines;
  }
}
