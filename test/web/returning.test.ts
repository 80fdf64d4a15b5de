// The page when its server goes away and comes back: what it shows then is the new one's.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { get } from "../../src/index.ts";
import { type Serving, serving } from "../cli/command.ts";
import { testWith } from "../interop/peers.ts";
import { begin, type Scene, scene } from "./scene.ts";

/** Another start of the server, whose page is at the same address. */
async function startAgain(t: TestContext, { child, ended, root, base }: Scene): Promise<Serving> {
  child.kill("SIGKILL");
  await ended;
  await writeFile(join(root, "boot", "new.bin"), new Uint8Array(1_000_000));
  return serving(t, [root, "--web", new URL(base).host]);
}

testWith(
  "chromium",
  "after a restart no row or ladder is of an earlier transfer",
  async (t, program) => {
    const here = await scene(t, program);
    const { page, url } = here;
    await get(`${url}/boot/vmlinuz`).bytes();
    await page.locator("tr[data-id]").getByRole("link", { name: "boot/vmlinuz" }).click();
    const detail = page.locator(".detail[aria-live]");
    await detail.getByText("RRQ boot/vmlinuz octet").waitFor();
    const next = await startAgain(t, here);
    await get(`${next.url}/boot/new.bin`).bytes();
    await detail.getByText("RRQ boot/new.bin octet").waitFor();
    await page.getByRole("link", { name: "All transfers" }).click();
    const rows = page.locator("tr[data-id]");
    await rows.getByText("completed").waitFor();
    assert.match((await rows.first().textContent()) ?? "", /boot\/new\.bin/);
    assert.equal(await rows.count(), 1);
  },
);

for (const path of ["/api/events", "/api/state"]) {
  const name = `a page that is answered 502 for ${path} once says so, and asks again`;
  testWith("chromium", name, async (t, program) => {
    const { page, base, faults } = await scene(t, program);
    await page.route(base + path.slice(1), (route) => route.fulfill({ status: 502 }), { times: 1 });
    await page.reload();
    await page.getByText("server not reachable").waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    assert.deepEqual(
      faults.filter((fault) => !/502/.test(fault)),
      [],
    );
  });
}

testWith("chromium", "what was opened while it was away is there later", async (t, program) => {
  const here = await scene(t, program);
  const { page, child, ended, faults } = here;
  child.kill("SIGKILL");
  await ended;
  await page.getByText("server not reachable").waitFor();
  await page.evaluate(() => location.assign("#/transfer/1"));
  await page.getByText("Not kept").waitFor();
  await page.getByRole("link", { name: "Files" }).click();
  await page.getByText("Failed to fetch").waitFor();
  await startAgain(t, here);
  await page.getByRole("link", { name: "boot/" }).waitFor();
  assert.deepEqual(
    faults.filter((fault) => !/ERR_|502/.test(fault)),
    [],
  );
});

testWith("chromium", "after a restart no bar is of an earlier transfer", async (t, program) => {
  const here = await scene(t, program);
  const { page, url } = here;
  await begin(t, `${url}/boot/vmlinuz`);
  await page.getByRole("progressbar", { name: "Progress of boot/vmlinuz" }).waitFor();
  const next = await startAgain(t, here);
  await begin(t, `${next.url}/boot/new.bin`);
  await page.getByRole("progressbar", { name: "Progress of boot/new.bin" }).waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 1);
});
