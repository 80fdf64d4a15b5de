// Commands after transfers, run by the server as a process.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get } from "../../src/index.ts";
import { folder, serving } from "./command.ts";

test("a hook that fails is a problem line", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "hello");
  const { url, printed } = await serving(t, [root, "--on-download", "/bin/false"]);
  assert.equal(await get(`${url}/a`).text(), "hello");
  await printed(/problem: the hook \/bin\/false ended with status 1\. Run it by hand/);
});
