// Commands after transfers, run by the server as a process.

import assert from "node:assert/strict";
import { watch } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { folder, serving } from "./command.ts";

test("a hook that fails is a problem line", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "hello");
  const { url, printed } = await serving(t, [root, "--on-download", "/bin/false"]);
  assert.equal(await get(`${url}/a`).text(), "hello");
  await printed(/problem: the hook \/bin\/false ended with status 1\. Run it by hand/);
});

test("a hook is told the facts, and no shell reads the name", async (t) => {
  const root = await folder(t);
  const [seen, program] = [join(root, "seen"), join(root, "hook.sh")];
  const script = `#!/bin/sh\nenv | grep ^TIDEWIRE_ > ${seen}.new\nmv ${seen}.new ${seen}\n`;
  await writeFile(program, script, { mode: 0o755 });
  await chmod(program, 0o755);
  const { url } = await serving(t, [root, "--uploads", "create", "--on-upload", program]);
  const facts = new Promise<string>((resolve) => {
    const look = () => void readFile(seen, "utf8").then(resolve, () => {});
    const watcher = watch(root, look);
    t.after(() => watcher.close());
  });
  await put(`${url}/$(touch owned).cfg`, new TextEncoder().encode("content"));
  const told = await facts;
  assert.match(told, /^TIDEWIRE_FILE=\$\(touch owned\)\.cfg$/m);
  assert.match(told, /^TIDEWIRE_OP=put$/m);
  assert.match(told, /^TIDEWIRE_BYTES=7$/m);
  assert.match(told, /^TIDEWIRE_SHA256=[0-9a-f]{64}$/m);
  assert.match(told, /^TIDEWIRE_CLIENT=127\.0\.0\.1$/m);
  await assert.rejects(readFile(join(root, "owned")));
});
