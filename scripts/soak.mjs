// npm run soak -- --minutes 10: a server process with good, broken, slow, mute and aborting
// clients, watched from outside. Prints a table; fails when something grows, is left over or
// went wrong.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { noise } from "../dist/test/loopback/pair.js";
import { files, startCrowd } from "../dist/test/soak/crowd.js";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string", default: "1" } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error("Usage: npm run soak -- [--minutes N] [--seed S]");
  process.exit(2);
}
if (process.platform !== "linux") {
  console.error("The soak reads /proc, which only Linux has.");
  process.exit(2);
}

const root = mkdtempSync(join(tmpdir(), "tidewire-soak-"));
for (const [name, length] of files) writeFileSync(join(root, name), noise(length));
const script = fileURLToPath(new URL("../bin/tidewire.js", import.meta.url));
const where = ["--listen", "127.0.0.1", "--port", "0", "--uploads", "overwrite"];
const args = [script, "serve", root, ...where, "--log", "json", "--verbose"];
const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
const ended = once(server, "exit");
const counts = { started: 0, ended: 0, problem: 0 };
let onListening;
const listening = new Promise((resolve) => (onListening = resolve));
createInterface({ input: server.stdout }).on("line", (line) => {
  const { event, address: host, port } = JSON.parse(line);
  if (event in counts) counts[event] += 1;
  if (event === "problem") console.error(line);
  if (event === "listening") onListening({ host, port });
});

const failures = [];
const samples = [];
try {
  const address = await listening;
  await pause(1000);
  const idle = sample(0);
  const crowd = startCrowd(address, seed);
  const begin = performance.now();
  const end = begin + minutes * 60_000;
  const rowMillis = Math.max(1000, (minutes * 60_000) / 20);
  console.log(
    "| minute | transfers | open | RSS, MB | heap and stack, MB | descriptors | sockets | CPU |",
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  row(idle, idle);
  for (let last = idle; performance.now() < end && server.exitCode === null; ) {
    await pause(Math.min(rowMillis, end - performance.now()));
    const now = sample((performance.now() - begin) / 60_000);
    samples.push(now);
    row(now, last);
    last = now;
  }
  await crowd.stop();
  // Mute clients are given up after their retries; files stay open for a moment.
  const patience = performance.now() + 90_000;
  while (performance.now() < patience && counts.started > counts.ended) await pause(500);
  await pause(5000);
  const after = sample((performance.now() - begin) / 60_000);
  row(after, samples.at(-1) ?? idle);
  judge(idle, after, crowd);
  tell(crowd);
} finally {
  server.kill("SIGTERM");
  const [status] = await ended;
  if (status !== 0) failures.push(`the server ended with ${status}`);
  rmSync(root, { recursive: true, force: true });
}
for (const failure of failures.slice(0, 20)) console.error(`FAILED: ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;

function sample(minute) {
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  const kib = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  const stat = readFileSync(`/proc/${server.pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  const links = readdirSync(`/proc/${server.pid}/fd`).map(linkOf);
  return {
    at: performance.now(),
    minute,
    transfers: counts.ended,
    open: counts.started - counts.ended,
    rss: kib("VmRSS") / 1024,
    anonymous: kib("RssAnon") / 1024,
    descriptors: links.length,
    sockets: links.filter((link) => link.startsWith("socket:")).length,
    ticks: Number(stat[11]) + Number(stat[12]), // of 10 ms
  };
}

function linkOf(fd) {
  try {
    return readlinkSync(`/proc/${server.pid}/fd/${fd}`);
  } catch {
    return "gone";
  }
}

function row(now, before) {
  const seconds = (now.at - before.at) / 1000;
  const cpu = seconds > 0 ? `${((now.ticks - before.ticks) / seconds).toFixed(1)} %` : "";
  const { minute, transfers, open, rss, anonymous, descriptors, sockets } = now;
  const cells = [minute.toFixed(1), transfers, open, rss.toFixed(1), anonymous.toFixed(1)];
  console.log(`| ${[...cells, descriptors, sockets, cpu].join(" | ")} |`);
}

function judge(idle, after, crowd) {
  failures.push(...crowd.faults);
  if (counts.problem > 0) failures.push(`${counts.problem} problems in the log`);
  if (after.open !== 0) failures.push(`${after.open} transfers are still open`);
  if (after.sockets !== idle.sockets) {
    failures.push(`${after.sockets} sockets, ${idle.sockets} before`);
  }
  if (after.descriptors !== idle.descriptors) {
    failures.push(`${after.descriptors} descriptors, ${idle.descriptors} before`);
  }
  const parts = readdirSync(root).filter((name) => name.endsWith(".part"));
  if (parts.length > 0) failures.push(`left over: ${parts.join(", ")}`);
  if (samples.length < 12) return; // too short to tell a growth from a warm-up
  const third = Math.floor(samples.length / 3);
  const median = (list) => list.map(({ rss }) => rss).sort((a, b) => a - b)[list.length >> 1];
  const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)].map(median);
  if (last > middle * 1.15 + 4) {
    failures.push(
      `RSS grows: ${middle.toFixed(1)} MB in the middle, ${last.toFixed(1)} at the end`,
    );
  }
}

function tell(crowd) {
  const kinds = [...crowd.begun].map(([name, count]) => `${count} × ${name}`).join(", ");
  console.log(`\nClients: ${kinds}.`);
  console.log(`Datagrams of the misbehaving ones, both ways: ${crowd.datagrams}. Seed ${seed}.`);
  console.log(`Faults: ${crowd.faults.length}.`);
}

function pause(millis) {
  return new Promise((over) => setTimeout(over, millis));
}
