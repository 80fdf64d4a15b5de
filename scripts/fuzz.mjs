// npm run fuzz -- --seconds 60 --seed 1: damaged datagrams for the parsers, a hail of them for a
// server and for clients over loopback, and configuration files, round after round, each with a
// seed of its own. A round that fails prints the command that plays it again.

import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { hailConfig } from "../dist/test/fuzz/config.js";
import { hailClient } from "../dist/test/fuzz/live-client.js";
import { hailServer } from "../dist/test/fuzz/live-server.js";
import { hailParsers } from "../dist/test/fuzz/parsers.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    rounds: { type: "string", default: "1000000000" },
  },
});
const [seconds, first, rounds] = [values.seconds, values.seed, values.rounds].map(Number);
if (!(seconds > 0 && rounds > 0) || !Number.isInteger(first)) {
  console.error("Usage: npm run fuzz -- [--seconds N] [--seed S] [--rounds N]");
  process.exit(2);
}
/** After the warm-up, more than this is growth. */
const growthBytesMax = 48 * 1024 * 1024;
const warmUpRounds = 3;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");
const end = performance.now() + seconds * 1000;
const sum = {
  ...{ rounds: 0, parsed: 0, packets: 0, transfers: 0, good: 0, completed: 0, failed: 0 },
  ...{ right: 0, wrong: 0 },
};
let seed = first;
let settledBytes;

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
for (; sum.rounds < rounds && performance.now() < end; seed++) {
  try {
    await round();
  } catch (thrown) {
    fail(thrown);
  }
  sum.rounds += 1;
}
const { parsed, packets, transfers, good, completed, failed, right, wrong } = sum;
console.log(
  `${sum.rounds} rounds, seeds ${first} to ${seed - 1}: ${parsed} datagrams parsed; ${packets}
sent to servers, which began ${transfers} transfers and served all ${good} good clients; of our
clients at forged servers ${completed} were done and ${failed} failed as they should; of the
configurations ${right} were right and ${wrong} refused with line and remedy.`,
);

async function round() {
  hailParsers({ seed, packets: 20_000 });
  const config = await hailConfig({ seed, files: 1000 });
  const server = await hailServer({ seed, packets: 1500 });
  const client = await hailClient({ seed, transfers: 30 });
  sum.parsed += 20_000;
  sum.packets += 1500;
  sum.transfers += server.transfers;
  sum.right += config.right;
  sum.wrong += config.wrong;
  sum.good += server.good;
  sum.completed += client.completed;
  sum.failed += client.failed;
  await socketsClosed();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const bytes = heapUsed + arrayBuffers;
  if (sum.rounds === warmUpRounds) settledBytes = bytes;
  if (bytes > settledBytes + growthBytesMax) {
    throw new Error(`memory grew from ${settledBytes} to ${bytes} bytes`);
  }
}

/** Last ACKs may still be repeated for a moment. */
async function socketsClosed() {
  const patience = performance.now() + 30_000;
  for (;;) {
    const open = process.getActiveResourcesInfo().filter((name) => name === "UDPWrap").length;
    if (open === 0) return;
    if (performance.now() > patience) throw new Error(`${open} sockets stay open`);
    await new Promise((over) => setTimeout(over, 20));
  }
}

function fail(thrown) {
  console.error(thrown);
  console.error(`\nPlay it again: npm run fuzz -- --seed ${seed} --rounds 1`);
  process.exit(1);
}
