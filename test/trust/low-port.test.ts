// The real port 69, in a network namespace of its own: who may open it, and what happens on an
// address that comes after root was given up.

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmod } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { folder, script } from "../cli/command.ts";
import { type Printing, printing } from "../cli/printed.ts";

const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/** Needs root, namespaces, and a checkout that others may read. */
function skipWithoutNamespaces(): string | false {
  const asNobody = ["setpriv", ...nobody, process.execPath, script, "--version"];
  const { status } = spawnSync("unshare", ["--net", "ip", "link", "set", "lo", "up"]);
  if (status !== 0) {
    return process.env.TIDEWIRE_PEERS === "required" ? false : "no namespaces can be made here";
  }
  const { status: readable } = spawnSync("unshare", ["--net", ...asNobody], { cwd: "/" });
  return readable === 0 ? false : "another account cannot read this checkout";
}

async function serveAlone(
  t: TestContext,
  before: readonly string[],
  flags: readonly string[],
): Promise<Printing & { readonly child: ChildProcess }> {
  const root = await folder(t);
  await chmod(root, 0o755);
  const shell = 'ip link set lo up && exec "$0" "$@"';
  const command = [...before, process.execPath, script, "serve", root, ...flags];
  const child = spawn("unshare", ["--net", "sh", "-c", shell, ...command], { cwd: "/" });
  return { child, ...printing(t, child) };
}

test("CAP_NET_BIND_SERVICE alone opens port 69", { timeout: 30_000 }, async (t) => {
  const skip = skipWithoutNamespaces();
  if (skip) return t.skip(skip);
  const right = ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"];
  const { printed } = await serveAlone(t, ["setpriv", ...nobody, ...right], []);
  await printed(/Listening on UDP port 69 of 127\.0\.0\.1/);
});

test("an address that comes after root was given up is told, with the way out", {
  timeout: 30_000,
}, async (t) => {
  const skip = skipWithoutNamespaces();
  if (skip) return t.skip(skip);
  const { child, printed } = await serveAlone(t, ["env"], ["--user", "nobody"]);
  await printed(/Root is given up: this runs as nobody/);
  const inside = ["--net", "--target", String(child.pid)];
  execFileSync("nsenter", [...inside, "ip", "addr", "add", "192.0.2.77/32", "dev", "lo"]);
  await printed(
    /problem: no permission to use port 69 \(EACCES\)\. Root was given up for nobody: start it/,
  );
});
