// The page in a real browser, while real files move: what it shows, to whom, at any size.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { get } from "../../src/index.ts";
import { find, run, testWith } from "../interop/peers.ts";
import { freePort } from "../net/free-port.ts";
import { ack, Device, error, rrq } from "../server/device.ts";
import { begin, isAccessible, scene } from "./scene.ts";

/** A transfer goes on for as long as a browser may take. */
const patient = ["--timeout", "5", "--retries", "100"];

/** A client that loses each ninth packet, and stops for good after `packetsMax`. */
async function lossyClient(t: TestContext, url: string, file: string, packetsMax: number) {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  let [count, last] = [0, 0];
  socket.on("message", (packet, { port }) => {
    count += 1;
    if (count > packetsMax || count % 9 === 0) return;
    const block = packet[1] === 6 ? 0 : packet.readUInt16BE(2);
    if (block === last + 1) last = block;
    socket.send(Buffer.from([0, 4, last >> 8, last & 255]), port, "127.0.0.1");
  });
  const request = `\x00\x01${file}\x00octet\x00windowsize\x004\x00`;
  socket.send(Buffer.from(request, "latin1"), Number(new URL(url).port), "127.0.0.1");
  await once(socket, "message");
}

testWith(
  "chromium",
  "a transfer is seen while it runs and when it has ended",
  async (t, program) => {
    const { page, url, faults } = await scene(t, program);
    await page.getByText("Nothing runs now").waitFor();
    const slow = get(`${url}/boot/vmlinuz`, { blksize: 8192, windowsize: 1 });
    const chunks = slow[Symbol.asyncIterator]();
    for (let at = 0; at < 200; at++) await chunks.next();
    const bar = page.getByRole("progressbar");
    await page.waitForFunction(() => {
      const { value = 0 } = document.querySelector<HTMLProgressElement>(".running progress") ?? {};
      return value > 1_000_000;
    });
    assert.equal(await bar.getAttribute("aria-label"), "Progress of boot/vmlinuz");
    await page.getByText(/ of 4\.0 MB .* blksize 8192 · windowsize 1/).waitFor();
    await isAccessible(page);
    for (let next = await chunks.next(); !next.done; next = await chunks.next());
    const row = page.locator("tr[data-id]").first();
    await row.getByText("completed").waitFor();
    assert.match((await row.textContent()) ?? "", /boot\/vmlinuz[\s\S]*127\.0\.0\.1[\s\S]*4\.0 MB/);
    assert.equal(await bar.count(), 0);
    assert.match((await page.locator(".plot canvas").getAttribute("aria-label")) ?? "", /sending/);
    assert.deepEqual(faults, []);
  },
);

testWith(
  "chromium",
  "a failure says why, what to do, and shows its packets",
  async (t, program) => {
    const flags = ["--retries", "1", "--timeout", "0.1"];
    const { page, url, faults, base } = await scene(t, program, flags);
    await lossyClient(t, url, "boot/vmlinuz", 60);
    await page.getByRole("button", { name: "Problems" }).click();
    const row = page.locator("tr[data-id]");
    await row.getByText("The client stopped answering.").waitFor();
    await row.getByRole("link").click();
    await page.getByText("the packets show what was lost").waitFor();
    const detail = page.locator(".detail[aria-live]");
    await detail.getByText("RRQ boot/vmlinuz octet windowsize=4").waitFor();
    const ladder = page.locator(".ladder canvas");
    const drawn = await ladder.screenshot();
    await page.keyboard.press("Tab"); // from the content on: back, buttons, ladder
    await ladder.focus();
    await page.keyboard.press("ArrowDown");
    await detail.getByText("OACK windowsize=4").waitFor();
    await page.keyboard.press("n");
    await detail.getByText(/lost|copy/).waitFor();
    assert.notDeepEqual(await ladder.screenshot(), drawn, "the ladder shows another place");
    await page.getByRole("button", { name: "By time" }).click();
    await page.keyboard.press("+");
    await isAccessible(page);
    const link = page.getByRole("link", { name: /pcapng/ });
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    assert.match(download.suggestedFilename(), /_get_boot-vmlinuz_failed\.pcapng$/);
    const tshark = find("tshark");
    if (tshark) {
      const port = new URL(url).port;
      const file = await download.path();
      const printed = await run(tshark, ["-r", file, "-d", `udp.port==${port},tftp`]);
      assert.match(printed, /TFTP .* Read Request, File: boot\/vmlinuz[\s\S]*TFTP .* Data Packet/);
    }
    await page.goto(`${base}#/transfer/999`);
    await page.getByText("no longer in memory").waitFor();
    assert.deepEqual(
      faults.filter((fault) => !/404/.test(fault)),
      [],
    );
  },
);

testWith("chromium", "a name that was not found is told with what there is", async (t, program) => {
  const { page, url, faults } = await scene(t, program);
  await page.getByText("Every name was found so far.").waitFor();
  await assert.rejects(get(`${url}/boot/VMLINUX`).bytes());
  const missing = page.getByRole("region", { name: "Names not found" });
  await missing.getByText("asked for once, last by 127.0.0.1").waitFor();
  await missing.getByText("There is: boot/vmlinuz").waitFor();
  await assert.rejects(get(`${url}/<img src=x onerror=alert(1)>`).bytes());
  await missing.getByText("<img src=x onerror=alert(1)>").waitFor();
  assert.deepEqual(faults, []);
});

testWith("chromium", "who gets no answer is told with the rule", async (t, program) => {
  const { page, url, faults } = await scene(t, program, ["--rule", "ignore *.cfg"]);
  const panel = page.getByRole("region", { name: "Not answered" });
  await panel.getByText("Every request was answered so far.").waitFor();
  const device = await Device.open(t);
  await device.send(rrq("<b>/a.cfg"), { host: "127.0.0.1", port: Number(new URL(url).port) });
  await panel.getByText("<b>/a.cfg").waitFor();
  await panel.getByText(/^get by 127\.0\.0\.1, once, last at \d\d:\d\d:\d\d$/).waitFor();
  await panel.getByText('rule "ignore *.cfg"').waitFor();
  await isAccessible(page);
  assert.deepEqual(faults, []);
});

testWith("chromium", "it fits a telephone, and both colour schemes", async (t, program) => {
  const { page, url, base } = await scene(t, program, ["--uploads", "create"]);
  await get(`${url}/boot/vmlinuz`).bytes();
  await assert.rejects(get(`${url}/${"long-".repeat(30)}`).bytes());
  await page.setViewportSize({ width: 375, height: 800 });
  await page.locator("tr[data-id]").nth(1).waitFor();
  const grounds: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const place of ["", "#/transfer/1", "#/files", "#/files/boot"]) {
      await page.goto(base + place);
      await page.locator("h1").waitFor({ state: "attached" });
      if (place === "#/transfer/1") await page.locator(".ladder canvas").waitFor();
      if (place.startsWith("#/files")) await page.locator("table, .empty").first().waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 375, `${place || "overview"} is ${wide} wide`);
      await isAccessible(page);
    }
    grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  }
  assert.equal(new Set(grounds).size, 2);
});

testWith("chromium", "transfers of several workers open from one page", async (t, program) => {
  const args = ["--workers", "2", "--port", await freePort()];
  const { page, url, faults } = await scene(t, program, args);
  const all = Array.from({ length: 20 }, () => get(`${url}/boot/vmlinuz`).bytes());
  await Promise.all(all);
  await page.locator("tr[data-id]").first().getByRole("link").click();
  await page.locator(".detail[aria-live]").getByText("RRQ boot/vmlinuz octet").waitFor();
  assert.match(page.url(), /#\/transfer\/[12]\.\d+$/);
  assert.deepEqual(faults, []);
});

for (const workers of ["1", "2"]) {
  const name = `a transfer opens that more follow than are listed, with --workers ${workers}`;
  testWith("chromium", name, async (t, program) => {
    const args = ["--workers", workers, "--port", await freePort()];
    const { page, url, base, faults } = await scene(t, program, args);
    await begin(t, `${url}/boot/vmlinuz`);
    const first = page.locator(".running a");
    const address = (await first.getAttribute("href")) ?? "";
    const more = Array.from({ length: 51 }, () => begin(t, `${url}/boot/vmlinuz`));
    await Promise.all(more);
    await page.getByText("and 2 more").waitFor();
    await page.goto(base + address);
    await page.reload();
    await page.getByRole("heading", { name: "boot/vmlinuz running" }).waitFor();
    assert.deepEqual(faults, []);
  });
}

testWith("chromium", "what runs tells whose it is and what came again", async (t, program) => {
  const { page, url, faults } = await scene(t, program, patient);
  const to = { host: "127.0.0.1", port: Number(new URL(url).port) };
  const device = await Device.open(t);
  await device.send(rrq("boot/vmlinuz"), to);
  const { from } = await device.expectData(1);
  await device.send(ack(1), from);
  await device.expectData(2);
  await device.send(ack(1), from);
  await page.locator(".running a").click();
  await page.getByText(`127.0.0.1 port ${device.address.port}`, { exact: true }).waitFor();
  await page.locator(".facts div", { hasText: "Came again" }).getByText("1").waitFor();
  assert.deepEqual(faults, []);
});

testWith(
  "chromium",
  "what may keep a transfer from its end is told while it runs",
  async (t, program) => {
    const { page, url, faults } = await scene(t, program, patient);
    const to = { host: "127.0.0.1", port: Number(new URL(url).port) };
    const device = await Device.open(t);
    await device.send(rrq("boot/vmlinuz", { tsize: 0, blksize: 8 }), to);
    const { from } = await device.expect("oack");
    await device.send(ack(0), from);
    await device.expectData(1);
    const warning = page.getByText("takes 500001 blocks of 8 bytes; some clients stop at 65535");
    await warning.waitFor();
    await isAccessible(page);
    await page.locator(".running a").click();
    await page.getByRole("heading", { name: "boot/vmlinuz running" }).waitFor();
    await warning.waitFor();
    await device.send(error(3, "no room"), from);
    await page.getByText("The client ended it").waitFor();
    assert.equal(await warning.count(), 0);
    assert.deepEqual(faults, []);
  },
);

testWith("chromium", "files are brought and fetched through the page", async (t, program) => {
  const { page, base, root, faults } = await scene(t, program, ["--uploads", "create"]);
  await page.goto(`${base}#/files`);
  await page.getByRole("link", { name: "boot/" }).click();
  const name = "new file.cfg";
  const file = { name, mimeType: "text/plain", buffer: Buffer.from("hello") };
  await page.getByLabel("Upload into this folder:").setInputFiles(file);
  await page.getByText("new file.cfg is stored.").waitFor();
  assert.equal(await readFile(join(root, "boot", name), "utf8"), "hello");
  const link = page.getByRole("link", { name });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  assert.equal(await readFile(await download.path(), "utf8"), "hello");
  assert.deepEqual(faults, []);
  await page.getByLabel("Upload into this folder:").setInputFiles(file);
  await page.getByText(/is not stored: .*exist/).waitFor();
});

testWith("chromium", "a page that lost its server says so", async (t, program) => {
  const { page, child, ended } = await scene(t, program);
  child.kill("SIGKILL");
  await ended;
  await page.getByText("server not reachable").waitFor();
});

testWith(
  "chromium",
  "a ladder follows the colours of the screen, which does not keep it",
  async (t, program) => {
    const { page, url } = await scene(t, program);
    await get(`${url}/boot/vmlinuz`).bytes();
    await page.evaluate(() => {
      const { addEventListener: listen } = EventTarget.prototype;
      EventTarget.prototype.addEventListener = function (this: EventTarget, ...args) {
        if (this instanceof MediaQueryList) document.body.dataset.kept = "a listener of the screen";
        listen.apply(this, args);
      };
    });
    await page.locator("tr[data-id]").getByRole("link").click();
    const ladder = page.locator(".ladder canvas");
    await ladder.waitFor();
    assert.equal(await page.locator("body").getAttribute("data-kept"), null);
    const drawn = (): Promise<string> =>
      ladder.evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
    await page.locator(".detail[aria-live]").getByText("RRQ").waitFor();
    const light = await drawn();
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForFunction(
      (before) => document.querySelector("canvas")?.toDataURL() !== before,
      light,
    );
  },
);
