// Runs in a worker: swaps folders and files of a root for links that lead out, and back, as fast as
// it can, until it is told to stop. Counts its rounds where both sides see it.

import { renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { workerData } from "node:worker_threads";

export interface Swapping {
  readonly root: string;
  readonly outside: string;
  /** [0] set to 1: stop; [1]: rounds done. */
  readonly shared: SharedArrayBuffer;
}

const roundsMax = 1_000_000;

const { root, outside, shared } = workerData as Swapping;
const state = new Int32Array(shared);
for (let round = 0; round < roundsMax && Atomics.load(state, 0) === 0; round++) {
  exchange("folder", outside);
  exchange("file", join(outside, "file"));
  Atomics.add(state, 1, 1);
}

/** The real one goes aside, a link out takes its place for a moment, then it comes back. An upload
 * may take the place meanwhile: then a step fails, and the next round begins anew. */
function exchange(name: string, target: string): void {
  const path = join(root, name);
  attempt(() => renameSync(path, `${path}.aside`));
  attempt(() => symlinkSync(target, path));
  attempt(() => unlinkSync(path));
  attempt(() => renameSync(`${path}.aside`, path));
}

function attempt(step: () => void): void {
  try {
    step();
  } catch {}
}
