// A link that is swapped in between the check of a name and its use must not lead out: a worker
// swaps all the time while names are opened for real.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { TftpError } from "../../src/core/errors.ts";
import { directory } from "../../src/storage/directory.ts";
import { readWhole, request, type Scene, scene } from "../storage/scene.ts";
import type { Swapping } from "./swapper.ts";

const inside = "content inside";
const canary = "canary";

interface Race extends Scene {
  /** Swaps that were done so far. */
  readonly rounds: () => number;
}

/** Runs `attempts` while a worker swaps. */
async function race(t: TestContext, attempts: (place: Race) => Promise<void>): Promise<void> {
  const place = await scene(t);
  await place.put("folder/file", inside);
  await place.put("file", inside);
  await writeFile(join(place.outside, "file"), canary);
  const shared = new SharedArrayBuffer(8);
  const state = new Int32Array(shared);
  const { root, outside } = place;
  const workerData: Swapping = { root, outside, shared };
  const worker = new Worker(new URL("swapper.js", import.meta.url), { workerData });
  const ended = once(worker, "exit");
  try {
    await attempts({ ...place, rounds: () => Atomics.load(state, 1) });
  } finally {
    Atomics.store(state, 0, 1);
    await ended;
  }
}

test("a link that is swapped in while a name is opened gives nothing from outside", async (t) => {
  await race(t, async ({ root, rounds }) => {
    const tally = { inside: 0, refused: 0 };
    for (let run = 0; run < 3000; run++) {
      // A new storage each time: a file that is still open would not be opened again.
      const name = run % 2 === 0 ? "folder/file" : "file";
      try {
        const content = String(await readWhole(await directory(root).openRead(name, request)));
        assert.equal(content, inside);
        tally.inside += 1;
      } catch (thrown) {
        if (!(thrown instanceof TftpError)) throw thrown;
        tally.refused += 1;
      }
    }
    t.diagnostic(`${rounds()} swaps, ${tally.inside} read, ${tally.refused} refused`);
    assert.ok(rounds() > 100 && tally.inside > 0 && tally.refused > 0);
  });
});

test("a link that is swapped in during an upload takes nothing outside", async (t) => {
  await race(t, async ({ root, outside, rounds }) => {
    const storage = directory(root, { uploads: "overwrite" });
    const tally = { stored: 0, refused: 0 };
    for (let run = 0; run < 1500; run++) {
      const name = run % 2 === 0 ? `folder/new-${run % 16}` : "file";
      try {
        const sink = await storage.openWrite(name, request);
        await sink.writev([Buffer.from(inside)]);
        await sink.commit();
        tally.stored += 1;
      } catch (thrown) {
        if (!(thrown instanceof TftpError)) throw thrown;
        tally.refused += 1;
      }
    }
    t.diagnostic(`${rounds()} swaps, ${tally.stored} stored, ${tally.refused} refused`);
    assert.ok(rounds() > 100 && tally.stored > 0 && tally.refused > 0);
    assert.deepEqual((await readdir(outside)).sort(), ["file", "secret.txt"]);
    assert.equal(await readFile(join(outside, "file"), "utf8"), canary);
  });
});
