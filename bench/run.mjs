// `npm run bench`: every row, every server in turns, and the results beside the bars, into
// RESULTS.md, results.json and plots/. With --row or --quick it prints, and writes into
// .cache/bench only.

import { randomFillSync } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clientVersions, measureClients } from "./fetch.mjs";
import { measureFtp } from "./ftp.mjs";
import { canPin, measureRow } from "./measure.mjs";
import { cache, here, program, tidewire, tidewireRoot } from "./peers.mjs";
import { bars, lines } from "./plot.mjs";
import { ControlGroup } from "./process-cost.mjs";
import { markdown } from "./report.mjs";
import { files, serverRows, windowRow, windows } from "./rows.mjs";
import { available, RunningServer, servers } from "./servers.mjs";

const usage = `Usage: npm run bench -- [options]

  --rounds N     so many for each server and row (default: 5; with --quick 2)
  --seconds S    of load in one round (default: 1; with --quick 0.3)
  --row NAME     only this row, repeatable; a part of the name will do. "fetch" are
                 the clients, "ftp" a link with delay, made by the command in TIDEWIRE_LAB
  --quick        under four minutes, to see whether all is well; not for publication
  --list         print the names of the rows

TIDEWIRE_ROOT=DIR measures another built checkout. Results of a whole run go into bench/.`;

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    row: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 5));
const seconds = Number(flags.seconds ?? (flags.quick ? 0.3 : 1));
const sizes = flags.quick ? [1, 8, 64] : windows;
const rows = [...serverRows, ...sizes.map(windowRow)].map(inTime);
const tell = (line) => console.error(line);

if (flags.help) console.log(usage);
else if (flags.list) console.log([...rows.map(({ id }) => id), "fetch", "ftp"].join("\n"));
else await main();

/** A quick run has one storm, and one crowd for us alone. */
function inTime(row) {
  if (!flags.quick || !row.load.arrive) return row;
  return { ...row, roundsMost: 1, ...(row.load.rate && { servers: ["tidewire"] }) };
}

async function main() {
  if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) throw new Error(usage);
  if (!existsSync(join(tidewireRoot, "dist"))) throw new Error("Build first: npm run build");
  const wanted = (id) => !flags.row || flags.row.some((part) => id.includes(part));
  if (![...rows.map(({ id }) => id), "fetch", "ftp"].some(wanted))
    throw new Error("No such row: --list");
  program("load");
  if (!canPin()) tell("taskset is not installed: rows with one client are not pinned.");
  const names = available(Object.keys(servers), tell);
  const folder = makeFiles();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => giveUp(folder));
  const began = performance.now();
  const results = { ...describe(names), rows: {}, clients: {}, plots: [] };
  try {
    for (const row of rows.filter(({ id }) => wanted(id))) {
      results.rows[row.id] = await measureRow(row, { folder, rounds, seconds, tell });
    }
    if (wanted("fetch")) {
      results.clients = await measureClients({ folder, rounds: flags.quick ? 1 : rounds, tell });
    }
    if (wanted("ftp") && (flags.row || !flags.quick)) {
      const skip = (error) => ({ skipped: error.message });
      results.ftp = await measureFtp({ rounds: Math.min(rounds, 3), tell }).catch(skip);
    }
  } finally {
    RunningServer.killAll();
    rmSync(folder, { recursive: true, force: true });
  }
  results.minutes = Math.round((performance.now() - began) / 6000) / 10;
  write(results, flags.row || flags.quick ? join(cache, "trial") : here);
}

function giveUp(folder) {
  RunningServer.killAll();
  rmSync(folder, { recursive: true, force: true });
  setTimeout(() => process.exit(1), 500); // what was killed is gone by then, and its group goes
}

/** In a folder of their own that every user may read: some servers give up their rights. */
function makeFiles() {
  const folder = join(tmpdir(), `tidewire-bench-${process.pid}`);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  for (const [name, size] of Object.entries(files)) {
    writeFileSync(join(folder, name), randomFillSync(Buffer.alloc(size)), { mode: 0o644 });
    if (statSync(join(folder, name)).size !== size) throw new Error(`${folder} is full`);
  }
  return folder;
}

function describe(names) {
  const [processor] = cpus();
  const group = ControlGroup.make();
  const cpuSource = group ? "counted by a control group of the kernel" : "from /proc";
  group?.remove();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const args = process.argv.slice(2).join(" ");
  return {
    machine: {
      text: `${cpus().length} × ${processor.model.trim()}, ${gigabytes} GiB`,
      kernel: `Linux ${release()}`,
      node: process.version,
      cpuSource,
    },
    versions: Object.fromEntries(names.map((name) => [name, servers[name].version()])),
    clientVersions: clientVersions(),
    command: `npm run bench${args && ` -- ${args}`}`,
    date: new Date().toISOString().slice(0, 10),
    ...{ rounds, seconds },
  };
}

function write(results, into) {
  mkdirSync(join(into, "plots"), { recursive: true });
  for (const [name, chart] of Object.entries(charts(results))) {
    if (!chart) continue;
    results.plots.push(name);
    writeFileSync(join(into, "plots", `${name}.svg`), chart);
  }
  const file = join(into, "RESULTS.md");
  const page = markdown(results, rows);
  writeFileSync(file, page + singleChanges(file));
  writeFileSync(join(into, "results.json"), figures(results));
  console.log(page);
  tell(`Written into ${into}, after ${results.minutes} minutes; measured: ${tidewire}`);
}

/** Every figure; the distribution of each run only where a plot shows it. */
function figures({ rows: { storm, ...others }, ...rest }) {
  const plain = JSON.parse(
    JSON.stringify(others, (key, value) => (key === "quantiles" ? undefined : value)),
  );
  return `${JSON.stringify({ ...rest, rows: { ...plain, storm } }, undefined, 1)}\n`;
}

/** What was measured by hand for one change stays where it was written. */
function singleChanges(file) {
  const earlier = existsSync(file) ? readFileSync(file, "utf8") : "";
  const at = earlier.indexOf("\n## Single changes\n");
  return at < 0 ? "" : earlier.slice(at);
}

function charts(results) {
  const measured = Object.values(results.rows);
  return {
    "throughput-by-window": lines({
      title: "Throughput by window: blksize 1428, one client",
      series: seriesOf(
        sizes.map((size) => [size, results.rows[`by-window-${size}`]]),
        (server) => server.megabytesPerSecond?.median,
      ),
      x: { label: "windowsize (blocks)", log: true, ticks: sizes },
      y: { label: "MB/s", log: true },
    }),
    "storm-latency": lines({
      title: "Storm: 5,000 clients within 2 s, time for 64 KB",
      series: Object.entries(results.rows.storm?.servers ?? {})
        .map(([name, server]) => ({ name, points: distribution(server.runs) }))
        .filter(({ points }) => points.length > 0),
      x: { label: "part of the clients that were served (%)", ticks: [0, 25, 50, 75, 100] },
      y: { label: "ms", log: true },
    }),
    "cpu-per-gigabyte": bars({
      title: "The server's processor time for one gigabyte",
      groups: measured
        .filter(({ id }) => /^(?:window-64|window-32-many|large|lock)/.test(id))
        .filter(({ id }) => id !== "window-64-plain")
        .map(({ id, servers: of }) => ({ name: id, values: cpuOf(of) })),
      y: { label: "CPU s/GB", log: true },
    }),
  };
}

function seriesOf(columns, figure) {
  const names = new Set(columns.flatMap(([, row]) => Object.keys(row?.servers ?? {})));
  return [...names].map((name) => ({
    name,
    points: columns
      .map(([x, row]) => [x, row?.servers[name] && figure(row.servers[name])])
      .filter(([, y]) => y > 0),
  }));
}

/** Of each hundredth, the median over the rounds; whoever was not served is not on the line. */
function distribution(runs) {
  const served = runs.filter((run) => run.transfers > 0);
  if (served.length === 0) return [];
  return served[0].quantiles.map((_, index) => {
    const sorted = served.map((run) => run.quantiles[index]).sort((a, b) => a - b);
    const run = served[0];
    const part = run.transfers / (run.transfers + run.failures);
    return [index * part, sorted[Math.floor(sorted.length / 2)]];
  });
}

function cpuOf(row) {
  const entries = Object.entries(row).map(([name, server]) => [
    name,
    server.cpuPerGigabyte?.median,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value > 0));
}
