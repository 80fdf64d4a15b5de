// `tidewire get` as a process against forged servers: a sentence, a hint, a status other than 0,
// and no file, not even a part of one; and names that must not become a path.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { failsWith, folder, script, tidewire } from "../cli/command.ts";
import { data } from "../server/device.ts";
import { badDownloads, badUploads, forgedServer } from "./forged-server.ts";

const timeout = 60_000;
const patience = ["--timeout", "0.4", "--retries", "1"];

describe("get fails with one sentence and leaves no file when the server sends", {
  concurrency: 3,
}, () => {
  for (const [what, says, script] of badDownloads) {
    test(what, { timeout }, async (t) => {
      const server = await forgedServer(script);
      const cwd = await folder(t);
      const args = ["get", `${server.url}/x`, "--bytes-max", "100000", ...patience];
      const result = await tidewire(args, { cwd });
      await server.close();
      failsWith(result, 1, says);
      assert.deepEqual(readdirSync(cwd), []);
    });
  }
});

test("put fails with one sentence whatever the server answers", { timeout }, async (t) => {
  const cwd = await folder(t);
  await writeFile(join(cwd, "file"), "x".repeat(5000));
  await Promise.all(
    badUploads.map(async ([, says, script]) => {
      const server = await forgedServer(script);
      const result = await tidewire(["put", "file", `${server.url}/x`, ...patience], { cwd });
      await server.close();
      failsWith(result, 1, says);
    }),
  );
});

test("the old file stays when its new content is refused", { timeout }, async (t) => {
  const cwd = await folder(t);
  await writeFile(join(cwd, "x"), "old");
  for (const [, says, script] of badDownloads.slice(0, 3)) {
    const server = await forgedServer(script);
    const args = ["get", `${server.url}/x`, "--bytes-max", "100000", ...patience];
    failsWith(await tidewire(args, { cwd }), 1, says);
    await server.close();
  }
  assert.deepEqual(readdirSync(cwd), ["x"]);
  assert.equal(readFileSync(join(cwd, "x"), "utf8"), "old");
});

test("Ctrl+C while the same block comes for ever ends at once", { timeout }, async (t) => {
  let onAcked = (): void => {};
  const acked = new Promise<void>((resolve) => {
    onAcked = resolve;
  });
  const server = await forgedServer(async ({ send, next, repeat }) => {
    send(data(1, Buffer.alloc(512)));
    await next();
    onAcked();
    repeat(120, () => send(data(1, Buffer.alloc(512))));
  });
  const cwd = await folder(t);
  const result = await tidewire(["get", `${server.url}/x`, "--timeout", "200"], {
    cwd,
    onStart: (child) => void acked.then(() => child.kill("SIGINT")),
  });
  await server.close();
  assert.match(result.stderr, /^tidewire: interrupted; nothing was saved as x\.\n/);
  assert.equal(result.status, 130);
  assert.deepEqual(readdirSync(cwd), []);
});

test("--max-time ends a file that trickles in", { timeout }, async (t) => {
  const server = await forgedServer(async ({ send, repeat }) => {
    let block = 0;
    repeat(100, () => send(data(++block, Buffer.alloc(512))));
  });
  const cwd = await folder(t);
  const result = await tidewire(["get", `${server.url}/x`, "--max-time", "1"], { cwd });
  await server.close();
  failsWith(result, 1, /not done after 1 s; nothing was saved as x/);
  assert.deepEqual(readdirSync(cwd), []);
});

test("a signal ends a get although nobody reads its standard output", { timeout }, async () => {
  let blocks = 0;
  const server = await forgedServer(async ({ send, next }) => {
    do send(data(++blocks & 0xffff, Buffer.alloc(512)));
    while (await next());
  });
  const child = spawn(process.execPath, [script, "get", `${server.url}/x`, "-o", "-"]);
  // The pipe is full when the acknowledgements stop.
  for (let before = -1; before !== blocks || blocks < 2; ) {
    before = blocks;
    await new Promise((over) => setTimeout(over, 400));
  }
  child.kill("SIGTERM");
  const [status] = await once(child, "exit");
  await server.close();
  assert.equal(status, 143);
});

const units: readonly (readonly [text: string, status: number])[] = [
  ["5000", 0],
  ["5K", 0],
  ["1m", 0],
  ["1G", 0],
  ["4999", 1],
  ["4K", 1],
  ["0", 1],
  ["", 2],
  ["1.5M", 2],
  ["9999999T", 2],
];
test("--bytes-max takes units, and refuses what is none", { timeout }, async (t) => {
  const cwd = await folder(t);
  await Promise.all(
    units.map(async ([text, expected]) => {
      const server = await forgedServer(async ({ send, next }) => {
        for (let block = 1; block <= 10; block++) {
          send(data(block, Buffer.alloc(block < 10 ? 512 : 5000 - 9 * 512)));
          if (!(await next())) return;
        }
      });
      const args = ["get", `${server.url}/x`, "-o", `${text}.out`, "--bytes-max", text];
      const { status, stderr } = await tidewire(args, { cwd });
      await server.close();
      assert.equal(status, expected, `--bytes-max ${text}: ${stderr}`);
    }),
  );
  const kept = ["1G.out", "1m.out", "5000.out", "5K.out"];
  assert.deepEqual(readdirSync(cwd).sort(), kept);
});

const names: readonly (readonly [path: string, local: string | undefined])[] = [
  ["../../x", "x"],
  ["/etc/passwd", "passwd"],
  ["..%5c..%5cx", "x"],
  ["..%2f..%2fx", "x"],
  ["-", "-"],
  ["a%0ab", undefined],
  ["%1b%5d0;x%07", undefined],
  ["photo%e2%80%aegpj.exe", undefined],
  ["..", undefined],
  ["a/..", undefined],
  ["%2e%2e%2f%2e%2e", undefined],
  [".ssh", undefined],
  ["a%5c", undefined],
];
test("a name from the URL becomes a file of the folder or nothing", { timeout }, async (t) => {
  const above = await folder(t);
  const server = await forgedServer(async ({ send }) => send(data(1, "inside")));
  await Promise.all(
    names.map(async ([path, local], index) => {
      const cwd = join(above, `${index}`);
      await mkdir(cwd);
      const result = await tidewire(["get", `${server.url}/${path}`], { cwd });
      if (local === undefined) failsWith(result, 2, /the URL gives no name for the file/);
      else assert.equal(result.status, 0, `${path}: ${result.stderr}`);
      assert.deepEqual(readdirSync(cwd), local === undefined ? [] : [local]);
      assert.equal(result.stdout.length, 0);
    }),
  );
  await server.close();
  assert.equal(readdirSync(above).length, names.length);
});
