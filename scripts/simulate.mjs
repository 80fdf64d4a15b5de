// `npm run simulate`: random transfers in virtual time, on all cores, until the time is over or a
// rule is broken. Each run is drawn from its seed alone; one that fails is named with the command
// that runs it again.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const usage = `Usage: npm run simulate -- [options]

  --seconds N   for so long (default: 10)
  --seed S      the first seed (default: a random one, which is printed)
  --runs N      so many seeds, however long that takes
  --workers N   threads (default: one for each core)
  --trace       print every datagram; with --runs 1`;

if (isMainThread) process.exitCode = await main();
else await work(workerData);

async function main() {
  const options = readArguments();
  if (!options) return 2;
  const { Tally } = await load("tally");
  const tally = new Tally();
  const began = performance.now();
  console.log(`Seeds from ${options.seed} on, ${options.workers} workers ...`);
  const workers = Array.from({ length: options.workers }, (_, index) => start(options, index));
  const failed = await firstFailure(workers, (part) => tally.merge(part));
  if (failed) {
    const { replayCommand } = await load("simulator");
    console.error(`${failed.message}\n${failed.stack}\n\nRun it again, and see its stack, with:`);
    console.error(`  ${replayCommand(failed.seed)}`);
    return 1;
  }
  print(tally, (performance.now() - began) / 1000);
  return 0;
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: "string" },
        seed: { type: "string" },
        runs: { type: "string" },
        workers: { type: "string" },
        trace: { type: "boolean", default: false },
      },
    });
    const runs = values.runs === undefined ? undefined : count("runs", values.runs);
    const most = runs ?? Number.POSITIVE_INFINITY;
    return {
      seed: values.seed ? count("seed", values.seed) : Math.floor(Math.random() * 2 ** 31),
      seconds: values.seconds || !runs ? count("seconds", values.seconds ?? "10") : undefined,
      runs,
      workers: Math.min(count("workers", values.workers ?? `${availableParallelism()}`), most),
      trace: values.trace,
    };
  } catch (wrong) {
    console.error(`${wrong.message}\n\n${usage}`);
    return undefined;
  }
}

function count(name, text) {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name} takes a whole number, not "${text}".`);
  return Number(text);
}

function start({ seed, seconds, runs, workers, trace }, index) {
  const share = runs === undefined ? undefined : Math.ceil((runs - index) / workers);
  return new Worker(new URL(import.meta.url), {
    // What a transfer leaves behind is garbage at once: with room for it none is copied.
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
    workerData: { seed: seed + index, step: workers, runs: share, seconds, trace },
  });
}

/** Ends all workers when one has failed. */
async function firstFailure(workers, onTally) {
  const outcomes = workers.map(
    (worker) =>
      new Promise((resolve, reject) => {
        worker.on("error", reject);
        worker.on("message", ({ tally, failed }) => {
          if (tally) onTally(tally);
          if (failed) resolve(failed);
        });
        worker.on("exit", () => resolve(undefined));
      }),
  );
  const anyFailed = new Promise((resolve) => {
    for (const outcome of outcomes) outcome.then((failed) => failed && resolve(failed));
  });
  const failed = await Promise.race([anyFailed, Promise.all(outcomes)]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return Array.isArray(failed) ? failed.find((each) => each) : failed;
}

async function work({ seed, step, runs, seconds, trace }) {
  const { Simulator } = await load("simulator");
  // Thousands of transfers fail as they should: stacks are only for whoever looks at one run.
  if (runs !== 1) Error.stackTraceLimit = 0;
  const simulator = new Simulator({
    seed,
    step,
    runs,
    seconds,
    trace: trace ? (line) => console.log(line) : undefined,
  });
  try {
    await simulator.run();
    parentPort.postMessage({ tally: simulator.tally });
  } catch (thrown) {
    const { message, cause } = thrown;
    parentPort.postMessage({ failed: { seed: thrown.seed, message, stack: `${cause?.stack}` } });
  }
}

function load(name) {
  return import(new URL(`../dist/test/simulation/${name}.js`, import.meta.url).href);
}

function print(tally, seconds) {
  const { seeds, transfers, inWorlds, worstDataPerBlock, worstMillis } = tally;
  const perSecond = Math.round(transfers / seconds);
  console.log(`${seeds} runs, ${transfers} transfers, ${perSecond} a second; none broke a rule.`);
  console.log(`Transfers of a whole server with its clients: ${inWorlds}`);
  console.log(`The most DATA for a block (and eight more): ${worstDataPerBlock.toFixed(1)}`);
  console.log(`The longest transfer in virtual time: ${(worstMillis / 1000).toFixed(0)} s`);
  for (const [name, value] of [...tally.counts].sort()) {
    console.log(`${String(value).padStart(12)}  ${name}`);
  }
}
