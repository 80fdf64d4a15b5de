// The audit: a line for each upload, whatever became of it, in a file that only grows.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { failsWith, folder, serving, tidewire } from "./command.ts";
import { printing, times } from "./printed.ts";

async function entries(file: string): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

test("uploads are audited with digest and outcome, downloads are not", async (t) => {
  const root = await folder(t);
  const file = join(await folder(t), "audit.jsonl");
  await writeFile(file, '{"before":true}\n');
  const flags = [root, "--uploads", "create", "--web", "127.0.0.1:0", "--audit", file];
  const { url, printed, child, ended } = await serving(t, flags);
  const [, page = ""] = await printed(/Watch it on (http:\S+)/);
  const name = "switch 07\n.cfg";
  await assert.rejects(put(`${url}/${encodeURIComponent(name)}`, new Uint8Array(3)));
  await put(`${url}/backup.cfg`, Buffer.from("hello"));
  await assert.rejects(put(`${url}/backup.cfg`, Buffer.from("again")));
  await get(`${url}/backup.cfg`).bytes();
  const own = { method: "PUT", headers: { "x-tidewire": "1" }, body: "paged" };
  assert.equal((await fetch(`${page}files/paged.cfg`, own)).status, 201);
  assert.equal((await fetch(`${page}files/paged.cfg`, own)).status, 409);
  child.kill("SIGTERM");
  await ended;
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const [before, ...found] = await entries(file);
  assert.deepEqual(before, { before: true }, "what was there stays");
  assert.deepEqual(
    found.map(({ via, file, bytes, sha256, outcome, error }) => {
      return [via, file, bytes, sha256, outcome, error];
    }),
    [
      ["tftp", name, 0, null, "refused", "FILE_NOT_FOUND"],
      ["tftp", "backup.cfg", 5, sha256("hello"), "completed", null],
      ["tftp", "backup.cfg", 0, null, "refused", "FILE_EXISTS"],
      ["page", "paged.cfg", 5, sha256("paged"), "completed", null],
      ["page", "paged.cfg", 0, null, "failed", "FILE_EXISTS"],
    ],
  );
  for (const { time, client } of found) {
    assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
    assert.equal(client, "127.0.0.1");
  }
});

test("after SIGHUP the audit goes on in a new file, for those who rotate it", async (t) => {
  const root = await folder(t);
  const file = join(await folder(t), "audit.jsonl");
  const config = join(await folder(t), "c.toml");
  await writeFile(config, `uploads = "create"\naudit = ${JSON.stringify(file)}\n`);
  const { url, printed, child } = await serving(t, [root, "--config", config]);
  await put(`${url}/one`, new Uint8Array(1));
  await rename(file, `${file}.1`);
  child.kill("SIGHUP");
  await printed(/Read \S+ again/);
  await put(`${url}/two`, new Uint8Array(2));
  await printed(/put two/);
  assert.deepEqual(
    (await entries(`${file}.1`)).map((each) => each.file),
    ["one"],
  );
  assert.deepEqual(
    (await entries(file)).map((each) => each.file),
    ["two"],
  );
  assert.equal((await stat(file)).mode & 0o7, 0, "not for everybody to read");
});

test("an audit that cannot be opened anew is told once, and goes on in the old file", async (t) => {
  const root = await folder(t);
  const logs = join(await folder(t), "logs");
  await mkdir(logs);
  const config = join(await folder(t), "c.toml");
  const file = join(logs, "audit.jsonl");
  await writeFile(config, `uploads = "create"\naudit = ${JSON.stringify(file)}\n`);
  const { url, printed, output, child } = await serving(t, [root, "--config", config]);
  await rename(logs, `${logs}.1`);
  for (const again of [1, 2]) {
    child.kill("SIGHUP");
    await printed(times(again, "Read \\S+ again"));
  }
  await put(`${url}/one`, new Uint8Array(1));
  await mkdir(logs);
  child.kill("SIGHUP");
  await printed(times(3, "Read \\S+ again"));
  await put(`${url}/two`, new Uint8Array(2));
  await printed(/put two/);
  const named = async (folder: string): Promise<unknown[]> =>
    (await entries(join(folder, "audit.jsonl"))).map((each) => each.file);
  assert.deepEqual(await named(`${logs}.1`), ["one"]);
  assert.deepEqual(await named(logs), ["two"]);
  const problems = output().match(/problem:.*/g) ?? [];
  assert.equal(problems.length, 2, output());
  for (const problem of problems) assert.equal(problem.split("(ENOENT)").length, 2, problem);
});

test("an audit that cannot be written is said before anybody is served", async (t) => {
  const root = await folder(t);
  const args = ["serve", root, "--listen", "127.0.0.1:0", "--audit", join(root, "none", "a")];
  failsWith(await tidewire(args), 1, /the audit .* cannot be written \(ENOENT\)/);
});

const posix = { skip: process.platform === "win32" ? "no pipes with a name" : false };

test("an audit pipe that nobody reads is refused instead of waited for", posix, async (t) => {
  const pipe = join(await folder(t), "pipe");
  execFileSync("mkfifo", [pipe]);
  const args = ["serve", await folder(t), "--listen", "127.0.0.1:0", "--audit", pipe];
  failsWith(await tidewire(args), 1, /audit .* \(ENXIO\)\.\nHint: .*start its reader first/);
});

test("an audit goes to the reader of a pipe", posix, async (t) => {
  const pipe = join(await folder(t), "pipe");
  execFileSync("mkfifo", [pipe]);
  const reader = spawn("cat", [pipe]);
  const { printed, ended } = printing(t, reader);
  const writer = await open(pipe, "w"); // it reads
  t.after(() => writer.close());
  const flags = [await folder(t), "--uploads", "create", "--audit", pipe];
  const { url, child, ended: served } = await serving(t, flags);
  await put(`${url}/one`, new Uint8Array(1));
  await printed(/"file":"one"/);
  child.kill("SIGTERM");
  await served;
  await writer.close();
  assert.equal((await ended).status, 0);
});

test("a disk that is full is a problem in the log, and the server goes on", async (t) => {
  if (process.platform !== "linux") return t.skip("needs /dev/full");
  const root = await folder(t);
  const flags = [root, "--uploads", "create", "--audit", "/dev/full"];
  const { url, printed } = await serving(t, flags);
  await put(`${url}/one`, new Uint8Array(1));
  await printed(/problem: the audit \/dev\/full cannot be written \(ENOSPC\)/);
  await put(`${url}/two`, new Uint8Array(2));
});
