// A few seconds of the soak's crowd against a server of this process.

import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { directory, serve } from "../../src/index.ts";
import { noise } from "../loopback/pair.ts";
import { files, startCrowd } from "./crowd.ts";

test("good clients are served whole among mute, broken and aborting ones", {
  timeout: 60_000,
}, async (t) => {
  const root = await mkdtemp(join(tmpdir(), "tidewire-crowd-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [name, length] of files) await writeFile(join(root, name), noise(length));
  let open = 0;
  let begun = 0;
  let onEnded = (): void => {};
  const server = await serve({
    storage: directory(root, { uploads: "overwrite" }),
    host: "127.0.0.1",
    port: 0,
    limits: { timeoutMillis: 100, retries: 2 },
    onEvent: ({ kind }) => {
      if (kind === "problem") assert.fail("the server has a problem");
      if (kind === "started") begun += 1;
      if (kind === "started") open += 1;
      if (kind === "ended") open -= 1;
      onEnded();
    },
  });
  t.after(() => server.close());
  const crowd = startCrowd(server.address, 1);
  while (begun < 40) {
    await new Promise<void>((resolve) => {
      onEnded = resolve;
    });
  }
  await crowd.stop();
  assert.deepEqual(crowd.faults, []);
  while (open > 0) {
    await new Promise<void>((resolve) => {
      onEnded = resolve;
    });
  }
  assert.deepEqual(server.snapshot(), []);
  const left = (await readdir(root)).filter((name) => name.endsWith(".part"));
  assert.deepEqual(left, []);
});
