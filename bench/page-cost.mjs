// What it costs to look: `node bench/page-cost.mjs` gives the same load in turns to two servers
// without a page, and to one whose page is open and whose metrics are scraped once a second. What
// the two differ by shows what of the figures is chance: two starts of one server differ by several
// percent for as long as they run, so there are many starts.

import { randomFillSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runLoad } from "./measure.mjs";
import { program } from "./peers.mjs";
import { files, serverRows } from "./rows.mjs";
import { RunningServer } from "./servers.mjs";

const { values: flags } = parseArgs({
  options: {
    starts: { type: "string", default: "12" },
    /** Of each start. */
    rounds: { type: "string", default: "6" },
    seconds: { type: "string", default: "0.5" },
    /** Under load before it counts, for each server: compilers need thousands of transfers. */
    warm: { type: "string", default: "4" },
    /** Repeatable; a part of the name of a row with 100 clients. */
    row: { type: "string", multiple: true },
  },
});
/** Who was started, warmed or measured before another has no advantage of it in the end. */
const orders = [
  ["plain", "seen", "control"],
  ["control", "plain", "seen"],
  ["seen", "control", "plain"],
  ["control", "seen", "plain"],
  ["plain", "control", "seen"],
  ["seen", "plain", "control"],
];
const starts = Number(flags.starts);
const rounds = Number(flags.rounds);
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
  const expect = join(folder, load.file);
  writeFileSync(expect, randomFillSync(Buffer.alloc(files[load.file])));
  const ratios = { seen: [], control: [] };
  const cpu = { plain: [], seen: [], control: [] };
  for (let start = 0; start < starts; start++) {
    const runs = await runsOfOneStart(load, expect, start);
    for (const [name, all] of Object.entries(runs)) cpu[name].push(median(valuesOf(all, "cpu")));
    const without = [...runs.plain, ...runs.control];
    ratios.seen.push(compared(runs.seen, without));
    ratios.control.push(compared(runs.control, runs.plain));
  }
  console.log(`${id}: ${title}; ${starts} starts, ${rounds} rounds of ${seconds} s each`);
  for (const [name, text] of [
    ["seen", "with the page / without"],
    ["control", "without / without"],
  ]) {
    const show = (figure) => quartiles(valuesOf(ratios[name], figure));
    console.log(`  ${text}: CPU of a transfer ${show("cpu")}, transfers a second ${show("speed")}`);
  }
  for (const [name, all] of Object.entries(cpu)) {
    console.log(`  ${name}: ${quartiles(all)} ms of CPU a transfer`);
  }
}

async function runsOfOneStart(load, expect, start) {
  const port = await freePort();
  const watched = { probe: load.file, serve: ["--web", `127.0.0.1:${port}`] };
  const plain = { probe: load.file };
  const kinds = { plain, seen: watched, control: plain };
  const servers = {};
  const runs = { plain: [], seen: [], control: [] };
  for (const name of orders[start % orders.length]) {
    servers[name] = await RunningServer.start("tidewire", folder, kinds[name]);
  }
  const leave = visit(`http://127.0.0.1:${port}`);
  for (const name of orders[start % orders.length]) {
    const { port } = servers[name];
    await runLoad({ ...load, seconds: Number(flags.warm), port, expect, deadline: 60 });
  }
  for (let round = 0; round < rounds; round++) {
    for (const name of orders[(start + round) % orders.length]) {
      const server = servers[name];
      const before = server.cpuSeconds();
      const result = await runLoad({ ...load, seconds, port: server.port, expect, deadline: 20 });
      const cpu = ((server.cpuSeconds() - before) * 1000) / result.transfers;
      runs[name].push({ cpu, speed: result.transfersPerSecond });
    }
  }
  leave();
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  return runs;
}

function compared(some, others) {
  const ratio = (figure) => median(valuesOf(some, figure)) / median(valuesOf(others, figure));
  return { cpu: ratio("cpu"), speed: ratio("speed") };
}

function valuesOf(all, figure) {
  return all.map((each) => each[figure]);
}

function median(values) {
  return quantile(values, 0.5);
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))];
}

/** The median, and between what half of the values lie. */
function quartiles(values) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(values, share).toFixed(3));
  return `${middle} (${low}-${high})`;
}

/** A page that is open and a scraper that comes by once a second. The result ends both. */
function visit(page) {
  const read = (path) => get(page + path, (response) => response.resume()).on("error", () => {});
  read("/api/state");
  const events = read("/api/events");
  const timer = setInterval(() => read("/metrics"), 1000);
  return () => {
    clearInterval(timer);
    events.destroy();
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
