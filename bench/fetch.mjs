// The end-to-end rows: whole client programs, start of the process included, fetch one file from
// one server after the other into a file, which is compared with the original afterwards.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { canPin, spread } from "./measure.mjs";
import { cache, environment, firstLine, installed, tidewire, tidewireVersion } from "./peers.mjs";
import { clientRows } from "./rows.mjs";
import { available, RunningServer } from "./servers.mjs";

const quiet = ["--quiet"];
/** Each as its user would tune it: equal blocks and a window of 64 where there are windows; then
 * the largest blocks, without a window, which their receive buffer would not hold. */
export const clients = {
  "tidewire, automatic": (url, to) => ours(url, to),
  "tidewire, blksize 1428": (url, to) => ours(url, to, ["--blksize", "1428"]),
  "curl, blksize 1428": (url, to) => curl(url, to, "1428"),
  "atftp, blksize 1428, windowsize 64": (url, to) => atftp(url, to, ["1428", "64"]),
  "curl, blksize 65464": (url, to) => curl(url, to, "65464"),
  "atftp, blksize 65464": (url, to) => atftp(url, to, ["65464", "1"]),
};

const ours = (url, to, more = []) => [
  process.execPath,
  ...[tidewire, "get", url, "-o", to, ...quiet, ...more],
];

function curl(url, to, blksize) {
  const path = installed("curl");
  return path && [path, "-s", "-S", "--tftp-blksize", blksize, "-o", to, url];
}

function atftp(url, to, [blksize, windowsize]) {
  const path = installed("atftp");
  const { hostname, port, pathname } = new URL(url);
  const options = ["--option", `blksize ${blksize}`];
  if (windowsize > 1) options.push("--option", `windowsize ${windowsize}`);
  const names = ["-g", "-r", pathname.slice(1), "-l", to, hostname, port || "69"];
  return path && [path, ...options, ...names];
}

export function clientVersions() {
  return {
    tidewire: tidewireVersion(),
    curl: installed("curl") ? firstLine("curl", ["--version"]).split(" (")[0] : "not installed",
    atftp: installed("atftp") ? firstLine("atftp", ["--version"]) : "not installed",
  };
}

export async function measureClients({ folder, rounds, tell }) {
  const results = {};
  for (const name of available(clientRows.servers, () => {})) {
    try {
      results[name] = await fromServer(name, { folder, rounds, tell });
    } catch (error) {
      results[name] = { error: error.message };
      tell(`${name}: ${error.message}`);
    }
  }
  return results;
}

async function fromServer(name, { folder, rounds, tell }) {
  const { file } = clientRows;
  const pinned = canPin();
  const options = { pinned, probe: file };
  const expected = readFileSync(join(folder, file));
  let server = await RunningServer.start(name, folder, options);
  const seconds = {};
  const failures = {};
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const [client, command] of Object.entries(clients)) {
        const to = join(cache, "fetched");
        const line = command(`tftp://127.0.0.1:${server.port}/${file}`, to);
        if (!line) continue;
        rmSync(to, { force: true });
        const run = await timed(pinned ? ["taskset", "-c", "0", ...line] : line);
        if (run.status !== 0 || !equal(to, expected)) run.failed = true;
        if (!server.alive) server = await RunningServer.start(name, folder, options);
        if (round === 0) continue; // for the file cache and the server's compilers
        if (run.failed) failures[client] = (failures[client] ?? 0) + 1;
        else (seconds[client] ??= []).push(run.seconds);
        const how = run.failed ? `failed: ${run.errors}` : `${run.seconds.toFixed(3)} s`;
        tell(`fetch ${round}/${rounds} ${client} from ${name}: ${how}`);
      }
    }
  } finally {
    await server.stop();
    rmSync(join(cache, "fetched"), { force: true });
  }
  const entries = Object.keys(clients).map((client) => {
    const times = seconds[client];
    const speeds = times?.map((time) => expected.length / 1e6 / time);
    return [client, { megabytesPerSecond: speeds && spread(speeds), failures: failures[client] }];
  });
  return Object.fromEntries(entries);
}

function equal(path, expected) {
  try {
    return readFileSync(path).equals(expected);
  } catch {
    return false;
  }
}

/** Runs a command for a minute at most. */
export async function timed([file, ...args], options = {}) {
  const began = performance.now();
  const stdio = ["ignore", "ignore", "pipe"];
  const child = spawn(file, args, { stdio, env: environment, ...options });
  const guard = setTimeout(() => child.kill("SIGKILL"), options.patienceMillis ?? 60_000);
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  const [status] = await once(child, "close");
  clearTimeout(guard);
  return { status, seconds: (performance.now() - began) / 1000, errors: errors.trim() };
}
