// Thousands of random transfers, each drawn from a seed. A failing one is named with the command
// that runs it again alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { replayCommand, SeedFailed, Simulator } from "./simulator.ts";

const runs = 12_000;

test("whatever the network and the disks do, every transfer ends as it must", async () => {
  const simulator = new Simulator({ seed: 1, step: 1, runs });
  try {
    await simulator.run();
  } catch (thrown) {
    if (!(thrown instanceof SeedFailed)) throw thrown;
    const message = `${thrown.message}. Run it again with: ${replayCommand(thrown.seed)}`;
    throw new Error(message, { cause: thrown.cause });
  }
  const { seeds, transfers, counts } = simulator.tally;
  assert.equal(seeds, runs);
  assert.ok(transfers > runs, `${transfers} transfers`);
  const drawn = ["client: whole", "client: TIMED_OUT", "server: completed", "server: probe"];
  for (const name of drawn) assert.ok((counts.get(name) ?? 0) > 0, `there was a "${name}"`);
});
