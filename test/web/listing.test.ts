// What the page lists: what its visitor can fetch, wherever it is.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { get } from "../../src/index.ts";
import { folder, serving } from "../cli/command.ts";
import { freePort } from "../net/free-port.ts";
import { http, ownPut, web } from "./page-server.ts";

async function listed(page: string, path: string): Promise<string[]> {
  const { status, body } = await http(page, `/api/files?path=${encodeURIComponent(path)}`);
  if (status !== 200) return [String(status)];
  return JSON.parse(body).entries.map(({ name, kind }: { name: string; kind: string }) => {
    return kind === "folder" ? `${name}/` : name;
  });
}

interface Configured {
  readonly page: string;
  readonly url: string;
  readonly configure: (lines: readonly string[]) => Promise<void>;
}

async function configured(t: TestContext, lines: readonly string[]): Promise<Configured> {
  const file = join(await folder(t), "tidewire.toml");
  const write = (all: readonly string[]): Promise<void> =>
    writeFile(file, ['web = "127.0.0.1:0"', ...all].join("\n"));
  await write(lines);
  const { child, url, printed } = await serving(t, ["--config", file]);
  const [, page = ""] = await printed(/Watch it on (http:\S+)/);
  const configure = async (all: readonly string[]): Promise<void> => {
    await write(all);
    child.kill("SIGHUP");
    await printed(/what runs ends as it began/);
  };
  return { page, url, configure };
}

const setting = (name: string, value: string): string => `${name} = ${JSON.stringify(value)}`;

test("another folder after a reload is listed at once", async (t) => {
  const [before, after] = [await folder(t), await folder(t)];
  await writeFile(join(before, "old.txt"), "old");
  await writeFile(join(after, "new.txt"), "new");
  const { page, url, configure } = await configured(t, [setting("dir", before)]);
  assert.deepEqual(await listed(page, ""), ["old.txt"]);
  await configure([setting("dir", after)]);
  assert.deepEqual(await listed(page, ""), ["new.txt"]);
  await assert.rejects(get(`${url}/New.txt`).bytes());
  const [missing] = JSON.parse((await http(page, "/api/missing")).body);
  assert.deepEqual(missing.near, ["new.txt"]);
});

test("mounts are listed as they are served, to whom they are for", async (t) => {
  const [dir, images, arm, lab] = [
    await folder(t),
    await folder(t),
    await folder(t),
    await folder(t),
  ];
  await mkdir(join(dir, "boot"));
  await writeFile(join(dir, "boot", "hidden"), "");
  await writeFile(join(dir, "a.txt"), "");
  await writeFile(join(images, "vmlinuz"), "image");
  await writeFile(join(arm, "kernel"), "arm");
  const { page } = await configured(t, [
    setting("dir", dir),
    ...["[[mount]]", setting("at", "boot"), setting("dir", images), setting("uploads", "create")],
    ...["[[mount]]", setting("at", "other/arm"), setting("dir", arm)],
    ...["[[mount]]", setting("at", "lab"), setting("dir", lab), setting("clients", "192.0.2.0/24")],
  ]);
  assert.deepEqual(await listed(page, ""), ["boot/", "other/", "a.txt"]);
  assert.deepEqual(await listed(page, "boot"), ["vmlinuz"]);
  assert.deepEqual(await listed(page, "other"), ["arm/"]);
  assert.deepEqual(await listed(page, "other/arm/"), ["kernel"]);
  assert.deepEqual(await listed(page, "lab"), ["404"]);
  assert.equal((await http(page, "/files/other/arm/kernel")).body, "arm");
  assert.equal((await http(page, "/files/boot/new", ownPut("x"))).status, 201, "its own policy");
  assert.equal((await http(page, "/files/new", ownPut("x"))).status, 403);
  assert.deepEqual(await listed(page, "boot"), ["new", "vmlinuz"]);
  const uploads = async (path: string): Promise<string> =>
    JSON.parse((await http(page, `/api/files?path=${path}`)).body).uploads;
  assert.deepEqual(await Promise.all(["", "boot", "other"].map(uploads)), ["off", "create", "off"]);
});

test("what nobody can fetch is not listed", async (t) => {
  const { page, root } = await web(t, ["--dot-files", "--rule", "refuse read *.key"]);
  const hidden = [".tidewire-1-2-3-abc.part", "back\\slash", "line\nfeed", "secret.key"];
  for (const name of hidden) await writeFile(join(root, name), "");
  assert.deepEqual(await listed(page, ""), ["boot/", ".secret", "a.txt"]);
  assert.deepEqual(await listed(page, "a.txt"), ["404"], "it is no folder");
});

const linux = { skip: process.platform === "linux" ? false : "needs Linux", timeout: 60_000 };

test("workers list for who asks, and what they serve now", linux, async (t) => {
  const [before, after, own] = [await folder(t), await folder(t), await folder(t)];
  await writeFile(join(after, "new.txt"), "");
  const file = join(await folder(t), "tidewire.toml");
  const mine = ["[[mount]]", setting("at", "own"), setting("dir", own)];
  const write = (dir: string): Promise<void> =>
    writeFile(file, [setting("dir", dir), ...mine, setting("clients", "127.0.0.1")].join("\n"));
  await write(before);
  const all = ["--port", await freePort(), "--workers", "2", "--web", "127.0.0.1:0"];
  const { child, printed } = await serving(t, ["--config", file, ...all]);
  const [, page = ""] = await printed(/Watch it on (http:\S+)/);
  await printed(/2 workers serve/);
  assert.deepEqual(await listed(page, ""), ["own/"]);
  await write(after);
  child.kill("SIGHUP");
  await printed(/what runs ends as it began[\s\S]*what runs ends as it began/);
  assert.deepEqual(await listed(page, ""), ["own/", "new.txt"]);
});
