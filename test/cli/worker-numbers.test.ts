// With several workers a transfer is told by both numbers, wherever it is told.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { watch } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get } from "../../src/index.ts";
import { freePort } from "../net/free-port.ts";
import { folder, script } from "./command.ts";
import { printing, times } from "./printed.ts";

const linux = { timeout: 60_000, skip: process.platform === "linux" ? false : "needs Linux" };

test("hooks and what USR1 prints name the worker of a transfer", linux, async (t) => {
  const [root, port] = [await folder(t), await freePort()];
  await writeFile(join(root, "a"), "content");
  const [seen, program] = [join(root, "seen"), join(root, "hook.sh")];
  await writeFile(program, `#!/bin/sh\necho $TIDEWIRE_ID > ${seen}.new\nmv ${seen}.new ${seen}\n`);
  await chmod(program, 0o755);
  const where = [root, "--listen", "127.0.0.1", "--port", port, "--workers", "2"];
  const child = spawn(process.execPath, [script, "serve", ...where, "--on-download", program]);
  const { printed } = printing(t, child);
  await printed(/2 workers serve/);

  const told = new Promise<string>((resolve) => {
    const look = () => void readFile(seen, "utf8").then(resolve, () => {});
    const watcher = watch(root, look);
    t.after(() => watcher.close());
  });
  await get(`tftp://127.0.0.1:${port}/a`).bytes();
  const [, id = ""] = await printed(/#(\d\.1) 127\.0\.0\.1 get a/);
  assert.equal((await told).trim(), id);

  const client = createSocket("udp4");
  t.after(() => client.close());
  client.send("\0\x01a\0octet\0", Number(port), "127.0.0.1");
  await once(client, "message");
  child.kill("SIGUSR1");
  await printed(/Running [12]\.[12]: 127\.0\.0\.1 port \d+ get a/);
  await printed(/No transfer runs in worker [12]\./);
});

test("reloads leave nothing behind in the first process", linux, async (t) => {
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(await folder(t))}\nworkers = 2\n`);
  const where = ["--config", file, "--listen", "127.0.0.1", "--port", await freePort()];
  const child = spawn(process.execPath, [script, "serve", ...where]);
  const { printed, output } = printing(t, child);
  await printed(/2 workers serve/);
  for (let count = 1; count <= 12; count++) {
    child.kill("SIGHUP");
    await printed(times(2 * count, "Read \\S+ again"));
  }
  child.kill("SIGTERM");
  await once(child, "close");
  assert.doesNotMatch(output(), /Warning/);
});
