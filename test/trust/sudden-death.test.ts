// kill -9 of a real server while files come in, and of a real client while one goes out: what
// stands under a final name is whole, what was acknowledged is there, and the next start clears up.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once, setMaxListeners } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { put } from "../../src/index.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { folder, libraryServer, script, serving, tidewire } from "../cli/command.ts";
import { draws } from "./hostile-names.ts";

const seed = Number(process.env.TIDEWIRE_SEED ?? 1);

/** Content that belongs to its name: who mixes two files up is found out. */
function contentOf(name: string): Uint8Array {
  const draw = draws([...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7));
  const small = draw(4) > 0;
  const content = Buffer.alloc(draw(small ? 5000 : 600_000));
  const word = Buffer.from(`${name} `);
  for (let at = 0; at < content.length; at += word.length) word.copy(content, at);
  return content;
}

function digest(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

async function requireWhole(root: string, name: string): Promise<void> {
  const stored = digest(await readFile(join(root, name)));
  assert.equal(stored, digest(contentOf(name)), `${name} is not whole`);
}

const isPart = (name: string): boolean => name.endsWith(".part");

test("a server that is killed loses no acknowledged upload and shows no half one", async (t) => {
  const root = await folder(t);
  const draw = draws(seed);
  const tally = { acknowledged: 0, cut: 0, leftovers: 0 };
  for (let round = 0; round < 8; round++) {
    const left = (await readdir(root)).filter(isPart).length;
    const { child, url, ended, printed } = await serving(t, [root, "--uploads", "create"]);
    if (left > 0)
      await printed(/Removed what \d+ unfinished uploads? of an earlier run had left\./);
    assert.deepEqual((await readdir(root)).filter(isPart), []);
    const killed = new AbortController();
    setMaxListeners(0, killed.signal);
    const names = Array.from({ length: 40 }, (_, at) => `round-${round}-file-${at}`);
    const killAfter = draw(names.length);
    const acknowledged: string[] = [];
    const uploads = names.map(async (name, at) => {
      const blksize = at % 3 === 0 ? 512 : 1428;
      await put(`${url}/${name}`, contentOf(name), { signal: killed.signal, blksize });
      acknowledged.push(name);
      if (acknowledged.length === killAfter) child.kill("SIGKILL");
    });
    // Every other round at a moment that has nothing to do with any upload's end.
    const timer = round % 2 === 0 ? undefined : setTimeout(() => child.kill("SIGKILL"), draw(60));
    if (killAfter === 0) child.kill("SIGKILL");
    void ended.then(() => killed.abort());
    await Promise.allSettled(uploads);
    child.kill("SIGKILL");
    await ended;
    clearTimeout(timer);
    for (const name of acknowledged) await requireWhole(root, name);
    const stored = (await readdir(root)).filter((name) => name.startsWith(`round-${round}-`));
    for (const name of stored) await requireWhole(root, name);
    tally.acknowledged += acknowledged.length;
    tally.cut += names.length - acknowledged.length;
    tally.leftovers += (await readdir(root)).filter(isPart).length;
  }
  t.diagnostic(`seed ${seed}: ${JSON.stringify(tally)}`);
  assert.ok(tally.acknowledged > 0 && tally.cut > 0);
});

test("a client that is killed leaves the old file, and the next run clears up", async (t) => {
  const whole = Buffer.alloc(3_000_000, "content ");
  let reached = (): void => {};
  let limit = 0;
  const { url } = await libraryServer(t, {
    openRead: async () => {
      const source = bytesSource(whole);
      return {
        ...source,
        readv: (into, position) => {
          if (position >= limit) reached();
          return source.readv(into, position);
        },
      };
    },
    openWrite: async () => assert.fail("nobody uploads here"),
  });
  const target = await folder(t);
  const path = join(target, "file");
  await writeFile(path, "old");
  const draw = draws(seed);
  for (let round = 0; round < 6; round++) {
    limit = draw(whole.length);
    const child = spawn(process.execPath, [script, "get", `${url}/file`, "-o", path], {
      stdio: "ignore",
    });
    const ended = once(child, "close");
    reached = () => child.kill("SIGKILL");
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    assert.equal(await readFile(path, "utf8"), "old");
    assert.ok((await readdir(target)).length <= 2, "what the run before left is gone");
  }
  assert.equal((await readdir(target)).filter(isPart).length, 1);
  reached = () => {};
  const { status } = await tidewire(["get", `${url}/file`, "-o", path]);
  assert.equal(status, 0);
  assert.equal(digest(await readFile(path)), digest(whole));
  assert.deepEqual(await readdir(target), ["file"]);
});
