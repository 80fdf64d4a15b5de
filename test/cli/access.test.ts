// What `tidewire serve` lets clients do: rules, names of uploads, folders, limits.

import assert from "node:assert/strict";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { accessJudge, accessLimits } from "../../src/cli/access.ts";
import { get, type JudgedRequest, put, TftpError } from "../../src/index.ts";
import { failsWith, folder, serving, tidewire } from "./command.ts";

function hasCode(code: string): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof TftpError && thrown.code === code;
}

test("rules and names of uploads are obeyed, and uploads go to their own folder", async (t) => {
  const root = await folder(t);
  const inbox = join(root, "inbox");
  const served = join(root, "served");
  await Promise.all([mkdir(inbox), mkdir(served)]);
  await writeFile(join(served, "a.txt"), "hello");
  await writeFile(join(served, "a.key"), "secret");
  const { url, output } = await serving(t, [
    ...[served, "--uploads", "create", "--upload-dir", inbox, "--upload-names", "*.cfg"],
    ...["--rule", "refuse read *.key", "--rule", "allow 127.0.0.0/8", "--rule", "ignore"],
  ]);
  assert.equal(await get(`${url}/a.txt`).text(), "hello");
  await assert.rejects(get(`${url}/a.key`).text(), hasCode("ACCESS_VIOLATION"));
  await assert.rejects(put(`${url}/b.exe`, new Uint8Array(3)), hasCode("ACCESS_VIOLATION"));
  await put(`${url}/b.cfg`, new Uint8Array(3));
  assert.deepEqual(await readdir(inbox), ["b.cfg"]);
  await assert.rejects(get(`${url}/b.cfg`).text(), hasCode("FILE_NOT_FOUND"));
  assert.match(output(), /a\.key refused: access denied/);
});

test("each limit of the command is one of the server", () => {
  assert.deepEqual(accessLimits({ queueMax: 0, bytesPerSecond: 5000, transferTimeMax: 2 }), {
    ...{ queueMax: 0, bytesPerSecond: 5000, transferMillisMax: 2000 },
  });
  assert.deepEqual(accessLimits({}), {});
});

test("a rule against uploads stands above the names that may be uploaded", () => {
  const judge = accessJudge({ rule: [{ verdict: "ignore", op: "write" }], uploadNames: ["*"] });
  const request: JudgedRequest = {
    ...{ op: "wrq", filename: "x", mode: "octet", options: new Map() },
    client: { host: "192.0.2.1", port: 1 },
  };
  assert.equal(judge(request).kind, "ignore");
});

test("what a killed server left in the folder of uploads is gone after a start", async (t) => {
  const inbox = await folder(t);
  const left = join(inbox, ".tidewire-0123456789abcdef.part");
  await writeFile(left, "half");
  await utimes(left, 1, 1);
  const args = [await folder(t), "--uploads", "create", "--upload-dir", inbox];
  const { printed } = await serving(t, args);
  await printed(/Removed what 1 unfinished upload of an earlier run had left/);
  assert.deepEqual(await readdir(inbox), []);
});

const wrongUses: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [["--rule", "deny all"], /"deny all" is no rule\.\nHint: A rule begins with allow, refuse/],
  [["--rule", "refuse 10.0.0.0/40"], /10\.0\.0\.0\/40 is no address or network/],
  [["--upload-names", "*.cfg"], /--upload-names is given, but uploads are off\.\nHint: Add/],
  [["--upload-dir", "."], /--upload-dir is given, but uploads are off/],
  [["--bytes-per-second", "10"], /--bytes-per-second cannot be "10"\.\nHint: Give at least 1000/],
  [["--upload-total-bytes-max", "much"], /cannot be "much"\.\nHint: Give bytes/],
  [["--queue-max", "-1"], /--queue-max cannot be "-1"/],
];
for (const [args, says] of wrongUses) {
  test(`wrong usage: tidewire serve ${args.join(" ")}`, async () => {
    failsWith(await tidewire(["serve", ...args]), 2, says);
  });
}

test("a folder for uploads that is not there is named", async (t) => {
  const root = await folder(t);
  const missing = join(root, "missing");
  const args = ["serve", root, "--uploads", "create", "--upload-dir", missing];
  failsWith(await tidewire(args), 1, /missing does not exist/);
});
