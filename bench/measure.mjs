// Runs rows: all servers of a row are up, one at a time is under load, in turns (A B C A B C).
// What a run gives is kept as it came; medians are made at the end. A server that dies is started
// again, and what it failed to do is counted against it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { installed, program } from "./peers.mjs";
import { serversOf } from "./rows.mjs";
import { available, RunningServer } from "./servers.mjs";

export async function measureRow(row, { folder, rounds, seconds, tell }) {
  const names = available(serversOf(row), () => {});
  const contestants = names.map((name) => new Contestant(name, row, { folder, seconds }));
  try {
    for (const contestant of contestants) await contestant.warmUp();
    const turns = Math.min(rounds, row.roundsMost ?? rounds);
    for (let round = 1; round <= turns; round++) {
      for (const contestant of contestants) {
        const run = await contestant.run();
        tell(`${row.id} ${round}/${turns} ${contestant.name}: ${inShort(run)}`);
      }
    }
  } finally {
    for (const contestant of contestants) await contestant.end();
  }
  const results = contestants.map(({ name, runs }) => [name, { ...summary(runs), runs }]);
  return { id: row.id, title: row.title, servers: Object.fromEntries(results) };
}

/** One server in one row. */
class Contestant {
  runs = [];
  #row;
  #folder;
  #seconds;
  #server;
  #peakBytes;
  #deaths = 0;

  constructor(name, row, { folder, seconds }) {
    this.name = name;
    this.#row = row;
    this.#folder = folder;
    this.#seconds = seconds;
  }

  /** Lets compilers and caches settle: a server in use is what is measured. */
  async warmUp() {
    const seconds = Math.max(this.#seconds, 2.5); // V8 compiles for some five seconds
    const load = { ...this.#row.load, seconds, rate: 0, arrive: 0, transfers: 0, gro: true };
    load.clients = Math.min(load.clients ?? 1, 100);
    try {
      await this.#ready();
      await this.#load(load, 10);
    } catch {
      // The runs that count will tell.
    }
  }

  async run() {
    const { load, deadlineSeconds = 15 } = this.#row;
    let run;
    try {
      const server = await this.#ready();
      const seconds = this.#seconds * (load.secondsFactor ?? 1);
      const before = server.cpuSeconds();
      const result = await this.#load({ seconds, ...load }, deadlineSeconds);
      const cpu = server.cpuSeconds() - before;
      run = { ...result, cpuSeconds: server.alive ? cpu : undefined, died: !server.alive };
      if (!server.alive) run.error = `${result.error} (the server ended) ${server.lastWords}`;
      run.memoryMegabytes = this.#peakBytes.soFar() / 1e6;
    } catch (error) {
      run = { transfers: 0, failures: 1, error: error.message, died: !this.#server?.alive };
    }
    this.runs.push(run);
    // What it did not finish it may go on with, to the cost of whoever is next.
    if (run.failures > 0) {
      await this.end();
      this.#server = undefined;
      await this.warmUp();
    }
    return run;
  }

  async end() {
    this.#peakBytes?.end();
    await this.#server?.stop();
  }

  async #ready() {
    if (this.#server?.alive) return this.#server;
    const died = this.#server !== undefined;
    await this.end();
    this.#server = undefined;
    // One that does not start is not waited for in each round.
    if (died && ++this.#deaths >= 3) throw new Error(`${this.name} ended again and again`);
    const { pinned, serve, load } = this.#row;
    const options = { pinned: pinned && canPin(), serve, probe: load.file };
    this.#server = await RunningServer.start(this.name, this.#folder, options);
    this.#peakBytes = this.#server.watchMemory();
    return this.#server;
  }

  #load(load, deadlineSeconds) {
    const { port } = this.#server;
    const expect = join(this.#folder, load.file);
    const pinned = this.#row.pinned && canPin();
    return runLoad({ ...load, port, expect, deadline: deadlineSeconds }, pinned);
  }
}

export const canPin = () => installed("taskset") !== undefined;

/** One run of the load client: the object that it prints. */
export async function runLoad(settings, pinned) {
  const { gro, plain, secondsFactor: _, ...valued } = settings;
  const args = Object.entries(valued).flatMap(([name, value]) =>
    value === undefined || value === 0 ? [] : [`--${name}`, `${value}`],
  );
  if (gro) args.push("--gro");
  if (plain) args.push("--no-options");
  if (valued.transfers > 0 && args.includes("--seconds")) {
    args.splice(args.indexOf("--seconds"), 2);
  }
  const command = [...(pinned ? ["taskset", "-c", "0"] : []), program("load"), ...args];
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  // It keeps its own deadline; this one is for the case that it hangs.
  const guard = setTimeout(() => child.kill("SIGKILL"), (settings.deadline + 10) * 1000);
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  let output = "";
  let errors = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (errors += text));
  const [status] = await once(child, "close");
  clearTimeout(guard);
  process.off("exit", end);
  if (status !== 0) throw new Error(`The load client failed: ${errors.trim() || status}`);
  return JSON.parse(output);
}

/** Medians, the least and the most of each figure, over the runs that gave it. */
export function summary(runs) {
  const figures = {
    megabytesPerSecond: (run) => run.megabytesPerSecond,
    blocksPerSecond: (run) => run.blocksPerSecond,
    transfersPerSecond: (run) => run.transfersPerSecond,
    p50: (run) => run.latency.p50,
    p99: (run) => run.latency.p99,
    max: (run) => run.latency.max,
    cpuPerGigabyte: (run) => run.cpuSeconds / (run.bytes / 1e9),
    cpuPerTransferMillis: (run) => (run.cpuSeconds * 1000) / run.transfers,
    memoryMegabytes: (run) => run.memoryMegabytes,
    fairness: (run) => run.fairness,
    fairnessOfGroups: (run) => run.fairnessOfGroups,
    loadShare: (run) => run.loadCpuSeconds / run.seconds,
  };
  const served = runs.filter((run) => run.transfers > 0);
  const sum = (name) => runs.reduce((total, run) => total + (run[name] ?? 0), 0);
  const result = {
    transfers: sum("transfers"),
    failures: sum("failures"),
    corrupt: sum("corrupt"),
    repeats: sum("repeats"),
    deaths: runs.filter((run) => run.died).length,
    agreed: served[0]?.agreed,
    error: runs.find((run) => run.error)?.error,
  };
  for (const [name, of] of Object.entries(figures)) {
    const values = served.map(of).filter(Number.isFinite);
    if (values.length > 0) result[name] = spread(values);
  }
  return result;
}

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  return { median, least: sorted[0], most: sorted.at(-1) };
}

function inShort(run) {
  if (run.transfers === 0) return `nothing came: ${run.error}`;
  const failed = run.failures > 0 ? `, ${run.failures} failed: ${run.error}` : "";
  const { p50, p99 } = run.latency;
  return (
    `${run.megabytesPerSecond.toFixed(1)} MB/s, ${run.transfersPerSecond.toFixed(1)} files/s, ` +
    `p50 ${p50.toFixed(1)} p99 ${p99.toFixed(1)} ms, CPU ${run.cpuSeconds?.toFixed(2)} s${failed}`
  );
}
