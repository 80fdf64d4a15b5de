// Plays the devices of test/devices over loopback against real servers, each run in a network
// namespace of its own, and writes who passes into the table of docs/devices.md. Linux, as root or
// with user namespaces. Arguments: the servers to play against; default: all of them.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const servers = ["tidewire", "in.tftpd", "atftpd", "dnsmasq"];
const chosen = process.argv.length > 2 ? process.argv.slice(2) : servers;
const folder = join("dist", "test", "devices");
/** Without root a user namespace makes us one; in.tftpd cannot drop its groups there. */
const mapped = process.getuid() === 0 ? [] : ["--map-root-user"];
const document = join("docs", "devices.md");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".test.js"))
  .map((name) => join(folder, name));

const played = await Promise.all(chosen.map(async (server) => [server, await play(server)]));
for (const [server, results] of played) {
  const passed = [...results.values()].filter((result) => result === "yes").length;
  console.log(`${server}: ${passed} of ${results.size} pass`);
  for (const [name, result] of results) if (result === "no") console.log(`  fails: ${name}`);
  writeDown(server, results);
}

/** @returns {Promise<Map<string, string>>} by the test's name */
async function play(server) {
  const test = [process.execPath, "--test", "--test-reporter=tap", "--test-concurrency=1"];
  // in.tftpd looks for an address beside those of loopback before it uses one of these.
  const links = "ip link set lo up && ip address add 192.0.2.1/32 dev lo";
  const command = `${links} && exec ${[...test, ...files].join(" ")}`;
  const child = spawn("unshare", [...mapped, "--net", "sh", "-c", command], {
    env: { ...process.env, TIDEWIRE_PLAY: server },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (printed += text));
  await new Promise((closed) => child.once("close", closed));
  const results = new Map();
  for (const [, not, name, skipped] of printed.matchAll(
    /^\s*(not )?ok \d+ - (.*?)( # SKIP.*)?$/gm,
  )) {
    results.set(name.replace(/\\(.)/g, "$1"), skipped ? "not run" : not ? "no" : "yes");
  }
  return results;
}

/** The table's columns are named after the servers; the cell of its tests has them in backquotes,
 * `${...}` standing for the cases of a table. */
function writeDown(server, results) {
  let [tests, column] = [-1, -1];
  const changed = readFileSync(document, "utf8")
    .split("\n")
    .map((line) => {
      if (!line.startsWith("|")) return line;
      const cells = line.split("|");
      if (cells.some((cell) => cell.trim() === "test")) {
        tests = cells.findIndex((cell) => cell.trim() === "test");
        column = cells.findIndex((cell) => cell.trim() === server);
      }
      const names = [...(cells[tests] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name);
      if (column < 0 || names.length === 0) return line;
      const result = resultOf(names.flatMap((name) => casesOf(name, results)));
      cells[column] = ` ${result.padEnd(cells[column].length - 2)} `;
      return cells.join("|");
    });
  writeFileSync(document, changed.join("\n"));
}

function casesOf(name, results) {
  const literal = name
    .split(/\$\{[^}]*\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`^${literal.join(".+")}$`);
  return [...results].flatMap(([found, result]) => (pattern.test(found) ? [result] : []));
}

function resultOf(cases) {
  return ["no", "yes"].find((result) => cases.includes(result)) ?? "not run";
}
