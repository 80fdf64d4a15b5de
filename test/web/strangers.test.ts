// What clients write reaches the page: it is seen as it is, and breaks nothing.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { TestContext } from "node:test";
import type { Page } from "playwright-core";
import { testWith } from "../interop/peers.ts";
import { scene } from "./scene.ts";

/** A client that begins a transfer and ends it with these words. */
async function complainingClient(t: TestContext, url: string, words: string): Promise<void> {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  const request = Buffer.from("\0\x01boot/vmlinuz\0octet\0");
  socket.send(request, Number(new URL(url).port), "127.0.0.1");
  const [, { port }] = await once(socket, "message");
  socket.send(Buffer.from(`\0\x05\0\0${words}\0`), port, "127.0.0.1");
}

/** Characters that cannot be seen, line ends and tabs aside. */
async function hiddenIn(page: Page): Promise<readonly string[]> {
  const text = (await page.locator("body").textContent()) ?? "";
  return text.match(/[^\P{C}\n\t]/gu) ?? [];
}

testWith("chromium", "what a client's ERROR says is visible, and fits", async (t, program) => {
  const { page, url } = await scene(t, program);
  await page.setViewportSize({ width: 375, height: 800 });
  const long = "x".repeat(200);
  await complainingClient(t, url, `no \u001b[31m \u202edrawkcab ${long}`);
  const row = page.locator("tr[data-id]");
  await row.getByText("no \\u{1b}[31m \\u{202e}drawkcab").waitFor();
  assert.deepEqual(await hiddenIn(page), []);
  await row.getByRole("link").click();
  await page.locator(".reason").getByText("\\u{202e}drawkcab").waitFor();
  await page.locator(".ladder canvas").focus();
  await page.keyboard.press("End");
  await page.locator(".detail").getByText("ERROR 0 “no \\u{1b}[31m \\u{202e}draw").waitFor();
  assert.deepEqual(await hiddenIn(page), []);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 375);
});
