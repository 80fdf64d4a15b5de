// The examples run as they stand, each as a process of its own.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));

const expected: { readonly [file: string]: RegExp } = {
  "collect-backups.mjs": /switch-07\.cfg: 36 bytes from 127\.0\.0\.1\nhostname switch-07/,
  "expected-upload.mjs":
    /switch-07\.cfg: 36 bytes from 127.*\nhostname .*Once more: .*not allowed/s,
  "fetch-with-progress.mjs": /100 %\ntrue\n$/,
  "slow-client.mjs": /100 %\n\d+ bytes in \d+ s\n$/,
  "generated-configs.mjs": /<line>201 Reception<\/line>.*\n\nACCESS_VIOLATION: .*not registered/s,
};

test("every example says what it is expected to say", async (t) => {
  const files = readdirSync(`${root}/examples`).filter((file) => file.endsWith(".mjs"));
  assert.deepEqual(files.sort(), Object.keys(expected).sort());
  for (const file of files) {
    await t.test(file, { timeout: 20_000 }, async () => {
      const run = await promisify(execFile)(process.execPath, [`examples/${file}`], { cwd: root });
      assert.match(run.stdout, expected[file] as RegExp);
      assert.equal(run.stderr, "");
    });
  }
});
