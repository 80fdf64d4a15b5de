// On a terminal, what a signal prints stands on lines of its own, not among the bars.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { childrenOf } from "./children.ts";
import { folder, script } from "./command.ts";
import { printing } from "./printed.ts";

test("what USR1 prints does not mix with the bars", { timeout: 30_000 }, async (t) => {
  if (process.platform !== "linux") return t.skip("needs Linux");
  if (spawnSync("script", ["--version"]).status !== 0) return t.skip("there is no script(1)");
  const root = await folder(t);
  await writeFile(join(root, "a"), new Uint8Array(5000));
  const words = [process.execPath, script, "serve", root, "--listen", "127.0.0.1", "--port", "0"];
  const command = `stty rows 24 cols 120; exec ${words.map((word) => `'${word}'`).join(" ")}`;
  const env = { ...process.env, TERM: "xterm", NO_COLOR: "1" };
  const terminal = spawn("script", ["-qec", command, "/dev/null"], { env });
  const { printed, output } = printing(t, terminal);
  const [, port] = await printed(/UDP port (\d+) /);
  for (let count = 0; count < 2; count++) {
    const client = createSocket("udp4");
    t.after(() => client.close());
    client.send("\0\x01a\0octet\0", Number(port), "127.0.0.1");
  }
  await printed(/get a [\s\S]*get a /);
  const [server] = childrenOf(terminal.pid) as [number];
  process.kill(server, "SIGUSR1");
  await printed(/Running 2: /);
  assert.match(output(), /\x1b\[JRunning 1: .*\r\nRunning 2: /);
});
