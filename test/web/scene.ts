// A browser that looks at the page of a server, in a folder with one large file.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import axe from "axe-core";
import { chromium, type Page } from "playwright-core";
import { get } from "../../src/index.ts";
import { folder, type Serving, serving } from "../cli/command.ts";

const bigBytes = 4_000_000;

export interface Scene extends Serving {
  readonly page: Page;
  readonly base: string;
  readonly root: string;
  /** What the page complained of, or asked of others. */
  readonly faults: string[];
}

export async function scene(
  t: TestContext,
  program: string,
  args: readonly string[] = [],
): Promise<Scene> {
  const root = await folder(t);
  await mkdir(join(root, "boot"));
  await writeFile(join(root, "boot", "vmlinuz"), new Uint8Array(bigBytes));
  const server = await serving(t, [root, "--web", "127.0.0.1:0", ...args]);
  const [, base = ""] = await server.printed(/Watch it on (http:\S+)/);
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const faults: string[] = [];
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) faults.push(request.url());
  });
  await page.goto(base);
  await page.getByText("live", { exact: true }).waitFor();
  return { ...server, page, base, root, faults };
}

/** A transfer that goes on until the test ends, because nobody reads on. */
export async function begin(t: TestContext, url: string): Promise<void> {
  const chunks = get(url, { windowsize: 1 })[Symbol.asyncIterator]();
  t.after(() => chunks.return?.());
  await chunks.next();
}

export async function isAccessible(page: Page): Promise<void> {
  // Evaluated, not added to the page: the page's own policy lets no other script in.
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const { axe: checker } = globalThis as unknown as { axe: { run(): Promise<Found> } };
    interface Found {
      violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
    }
    const found = await checker.run();
    return found.violations.map(({ id, nodes }) => ({
      id,
      nodes: nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`),
    }));
  });
  assert.deepEqual(violations, []);
}
