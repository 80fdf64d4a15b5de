// What it costs to look: `node bench/page-cost.mjs` serves the same load without and with the page,
// in turns (A B B A), and prints the ratio of each pair. With it means that a page is open, its
// events are read, and the metrics are scraped once a second.

import { randomFillSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runLoad, spread } from "./measure.mjs";
import { program } from "./peers.mjs";
import { files, serverRows } from "./rows.mjs";
import { RunningServer } from "./servers.mjs";

const { values: flags } = parseArgs({
  options: {
    pairs: { type: "string", default: "10" },
    seconds: { type: "string", default: "1" },
    row: { type: "string", multiple: true },
    /** What of it: web, metrics; default: both. */
    only: { type: "string" },
  },
});
const pairs = Number(flags.pairs);
const seconds = Number(flags.seconds);
const rows = serverRows.filter(({ id, load }) => {
  return load.clients === 100 && (!flags.row || flags.row.some((part) => id.includes(part)));
});

program("load");
const folder = mkdtempSync(join(tmpdir(), "tidewire-page-cost-"));
chmodSync(folder, 0o755);
try {
  for (const row of rows) await measure(row);
} finally {
  RunningServer.killAll();
  rmSync(folder, { recursive: true, force: true });
}

async function measure({ id, title, load }) {
  writeFileSync(join(folder, load.file), randomFillSync(Buffer.alloc(files[load.file])));
  const plain = await RunningServer.start("tidewire", folder, { probe: load.file });
  const port = await freePort();
  const serve = ["--web", `127.0.0.1:${port}`];
  const seen = await RunningServer.start("tidewire", folder, { probe: load.file, serve });
  const run = async (server) => {
    const cpu = server.cpuSeconds();
    const expect = join(folder, load.file);
    const result = await runLoad({ ...load, seconds, port: server.port, expect, deadline: 20 });
    const millis = ((server.cpuSeconds() - cpu) * 1000) / result.transfers;
    return { cpu: millis, speed: result.transfersPerSecond, failures: result.failures };
  };
  const leave = visit(`http://127.0.0.1:${port}`);
  for (let warm = 0; warm < 3; warm++) {
    await run(plain);
    await run(seen);
  }
  const ratios = { cpu: [], speed: [] };
  const absolute = { plain: [], seen: [] };
  let failures = 0;
  for (let pair = 0; pair < pairs; pair++) {
    const first = pair % 2 === 0 ? await run(plain) : await run(seen);
    const second = pair % 2 === 0 ? await run(seen) : await run(plain);
    const [without, with_] = pair % 2 === 0 ? [first, second] : [second, first];
    ratios.cpu.push(with_.cpu / without.cpu);
    ratios.speed.push(with_.speed / without.speed);
    absolute.plain.push(without.cpu);
    absolute.seen.push(with_.cpu);
    failures += without.failures + with_.failures;
  }
  const text = ({ median, least, most }, digits = 3) =>
    `${median.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`;
  const [cpu, speed] = [spread(ratios.cpu), spread(ratios.speed)];
  console.log(`${id}: ${title}, ${pairs} pairs, ${failures} failures`);
  console.log(`  CPU of a transfer, with / without: ${text(cpu)}`);
  console.log(`  transfers a second, with / without: ${text(speed)}`);
  const [before, after] = [spread(absolute.plain), spread(absolute.seen)];
  console.log(`  ms of CPU a transfer: ${text(before)} without, ${text(after)} with`);
  leave();
  await plain.stop();
  await seen.stop();
}

/** A page that is open and a scraper that comes by once a second. The result ends both. */
function visit(page) {
  const read = (path) => get(page + path, (response) => response.resume()).on("error", () => {});
  const events = flags.only === "metrics" ? undefined : read("/api/events");
  if (events) read("/api/state");
  const scrape = () => read("/metrics");
  const timer = flags.only === "web" ? undefined : setInterval(scrape, 1000);
  if (timer) scrape();
  return () => {
    clearInterval(timer);
    events?.destroy();
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
