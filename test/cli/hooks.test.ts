// Commands after transfers, run by the server as a process.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { folder, serving } from "./command.ts";

test("a hook has the facts in its environment, and no shell reads them", async (t) => {
  const root = await folder(t);
  const out = join(root, "facts.json");
  const program = join(root, "hook.mjs");
  const names = "FILE CLIENT BYTES SHA256 OP OUTCOME";
  await writeFile(
    program,
    `import { renameSync, writeFileSync } from "node:fs";
    const facts = "${names}".split(" ").map((name) => process.env["TIDEWIRE_" + name]);
    writeFileSync(process.argv[2] + ".new", JSON.stringify(facts));
    renameSync(process.argv[2] + ".new", process.argv[2]);`,
  );
  const words = [process.execPath, program, out].map((word) => JSON.stringify(word));
  const config = join(root, "tidewire.toml");
  await writeFile(config, `on-upload = [${words}]\nuploads = "create"\non-download = "/nowhere/x"`);
  const { url, child, printed, ended } = await serving(t, [root, "--config", config]);
  const content = Buffer.from("hello");
  await put(`${url}/a$(id).txt`, content);
  await get(`${url}/a$(id).txt`).bytes();
  await printed(/problem: the hook \/nowhere\/x cannot be run \(ENOENT\)/);
  child.kill("SIGTERM");
  assert.equal((await ended).status, 0); // what was queued has run
  const facts = JSON.parse(await readFile(out, "utf8"));
  const sha256 = createHash("sha256").update(content).digest("hex");
  assert.deepEqual(facts, ["a$(id).txt", "127.0.0.1", "5", sha256, "put", "completed"]);
});

test("a hook that fails is a problem line", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "hello");
  const { url, printed } = await serving(t, [root, "--on-download", "/bin/false"]);
  assert.equal(await get(`${url}/a`).text(), "hello");
  await printed(/problem: the hook \/bin\/false ended with status 1\. Run it by hand/);
});
