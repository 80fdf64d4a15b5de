// The server inside Node's permission model: it reads its own files and the served folder, writes
// nothing else, starts nothing, and loads no native code; what that takes away costs only speed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { get, put } from "../../src/index.ts";
import { folder, script } from "../cli/command.ts";
import { printing } from "../cli/printed.ts";

const checkout = dirname(dirname(script));
const known = process.allowedNodeEnvironmentFlags;
const model = known.has("--permission") ? "--permission" : "--experimental-permission";

interface Confined {
  readonly url: string;
  readonly output: () => string;
}

async function confined(
  t: TestContext,
  root: string,
  { node = [], serve = [] }: { readonly node?: string[]; readonly serve?: string[] } = {},
): Promise<Confined> {
  const reads = [`--allow-fs-read=${checkout}`, `--allow-fs-read=${root}`];
  // Newer lines of Node have a switch for the network as well.
  const net = known.has("--allow-net") ? ["--allow-net"] : [];
  const own = [model, ...reads, ...net, ...node, script];
  const args = [...own, "serve", root, "--listen", "127.0.0.1:0", ...serve];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const { printed, output } = printing(t, child);
  const [, port] = await printed(/UDP port (\d+) /);
  return { url: `tftp://127.0.0.1:${port}`, output };
}

test("a confined server serves, and takes no uploads that Node was not told of", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  await symlink("/etc/hostname", join(root, "out"));
  const { url } = await confined(t, root, { serve: ["--uploads", "create"] });
  assert.equal(await get(`${url}/a`).text(), "content");
  await assert.rejects(get(`${url}/out`).bytes(), { origin: "remote" });
  await assert.rejects(put(`${url}/new`, Buffer.from("x")), { origin: "remote", wireCode: 2 });
  assert.equal(await get(`${url}/a`).text(), "content");
});

test("a confined server with the right to write takes uploads, new and old names", async (t) => {
  // From 26 on the model forbids fsync, and without it nothing can be promised.
  if (Number(process.versions.node.split(".")[0]) > 24) return t.skip("no fsync in this Node");
  const root = await folder(t);
  await writeFile(join(root, "old"), "old");
  const { url } = await confined(t, root, {
    node: [`--allow-fs-write=${root}`],
    serve: ["--uploads", "overwrite"],
  });
  for (const name of ["new", "old"]) {
    await put(`${url}/${name}`, Buffer.from("uploaded"));
    assert.equal(await readFile(join(root, name), "utf8"), "uploaded");
  }
});
