// Path safety as a property: thousands of names, a canary beside the root, and a look at every
// descriptor that was opened for them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, { mkdir, readdir, readFile, readlink, stat, symlink } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname, join, sep } from "node:path";
import { mock, type TestContext, test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import type { Storage } from "../../src/ports.ts";
import { directory } from "../../src/storage/directory.ts";
import { readWhole, request, type Scene, scene } from "../storage/scene.ts";
import { draws, hostileName } from "./hostile-names.ts";

const inside = "content inside";
const seed = Number(process.env.TIDEWIRE_SEED ?? 1);
const onLinux = process.platform === "linux" ? false : "looks into /proc";

/** Files, folders, and every kind of way out; the words that names are made of. */
async function hostileScene({ root, outside, put }: Scene): Promise<string[]> {
  await put("a/b/x", inside);
  await put("a/caf\u00e9", inside);
  await put("x", inside);
  await mkdir(join(outside, "deep"));
  await fs.writeFile(join(outside, "deep", "x"), "canary");
  await symlink(outside, join(root, "out"));
  await symlink("..", join(root, "up"));
  await symlink("../../outside/deep", join(root, "a/out"));
  await symlink("../outside/secret.txt", join(root, "s"));
  await symlink("../outside/new", join(root, "dangling"));
  await symlink("b", join(root, "a/in"));
  await symlink("loop", join(root, "loop"));
  await symlink("/dev/zero", join(root, "zero"));
  await symlink("/proc/self/root", join(root, "system"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  return [
    ..."a/b/x a/in/x a b x x caf\u00e9 out up s dangling in loop zero system fifo deep new".split(
      " ",
    ),
    ..."secret.txt outside root etc passwd".split(" "),
    ...[basename(dirname(root)), root, outside, root.slice(1)],
  ];
}

/** All that lies beside the root: names, content, kinds and times. */
async function beside({ root, outside }: Scene): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of [dirname(root), outside, join(outside, "deep")]) {
    for (const name of (await readdir(folder)).sort()) paths.push(join(folder, name));
  }
  const told = paths
    .filter((path) => path !== root)
    .map(async (path) => {
      const found = await stat(path, { bigint: true });
      const content = found.isFile() ? await readFile(path, "utf8") : "";
      return [path, found.mode, found.mtimeNs, found.ctimeNs, found.ino, content].join(" ");
    });
  assert.equal(told.length, 4);
  return Promise.all(told);
}

/** The real paths of all that is opened from now on, as the system knows them. */
function openedPaths(t: TestContext): string[] {
  const opened: string[] = [];
  const real = fs.open;
  const spy = mock.method(fs, "open", async (...args: Parameters<typeof real>) => {
    const handle = await real(...args);
    opened.push(await readlink(`/proc/self/fd/${handle.fd}`));
    return handle;
  });
  syncBuiltinESMExports();
  t.after(() => {
    spy.mock.restore();
    syncBuiltinESMExports();
  });
  return opened;
}

function onlyInside(opened: readonly string[], root: string): void {
  assert.ok(opened.length > 0, "some names must lead to a file, or nothing was tried");
  const isOut = (path: string): boolean => path !== root && !path.startsWith(root + sep);
  assert.deepEqual(opened.filter(isOut), []);
}

/** The content, or undefined when it was refused in good form. */
async function read(storage: Storage, name: string): Promise<string | undefined> {
  try {
    return String(await readWhole(await storage.openRead(name, request)));
  } catch (thrown) {
    assert.ok(thrown instanceof TftpError, `${JSON.stringify(name)} threw ${String(thrown)}`);
    return undefined;
  }
}

async function upload(storage: Storage, name: string): Promise<boolean> {
  try {
    const sink = await storage.openWrite(name, request);
    await sink.writev([Buffer.from(inside)]);
    await sink.commit();
    return true;
  } catch (thrown) {
    assert.ok(thrown instanceof TftpError, `${JSON.stringify(name)} threw ${String(thrown)}`);
    return false;
  }
}

test("no name of thousands opens anything outside", { skip: onLinux }, async (t) => {
  const place = await scene(t);
  const words = await hostileScene(place);
  const before = await beside(place);
  const opened = openedPaths(t);
  const storage = directory(place.root, { dotFiles: true });
  const draw = draws(seed);
  let found = 0;
  for (let run = 0; run < 5000; run++) {
    const name = hostileName(draw, words);
    const content = await read(storage, name);
    if (content === undefined) continue;
    assert.equal(content, inside, `seed ${seed}: ${JSON.stringify(name)}`);
    found += 1;
  }
  t.diagnostic(`${found} of 5000 names led to a file inside`);
  onlyInside(opened, place.root);
  assert.deepEqual(await beside(place), before);
});

test("no name of thousands writes anything outside", { skip: onLinux }, async (t) => {
  const place = await scene(t);
  const words = await hostileScene(place);
  const before = await beside(place);
  const opened = openedPaths(t);
  const storage = directory(place.root, { uploads: "overwrite", dotFiles: true });
  const draw = draws(seed + 1);
  let written = 0;
  for (let run = 0; run < 1500; run++) {
    if (await upload(storage, hostileName(draw, words))) written += 1;
  }
  t.diagnostic(`${written} of 1500 names were written inside`);
  assert.ok(written > 0);
  onlyInside(opened, place.root);
  assert.deepEqual(await beside(place), before);
});

test("a name in another Unicode form, or half encoded, is another name", async (t) => {
  const { root, put } = await scene(t);
  await put("caf\u00e9", inside);
  const storage = directory(root);
  assert.equal(await read(storage, "caf\u00e9"), inside);
  const others = [
    "cafe\u0301",
    "caf%c3%a9",
    "\uff43af\u00e9",
    "caf\xc3\xa9",
    "caf\u00e9 ",
    "caf\u00e9.",
  ];
  for (const other of others) assert.equal(await read(storage, other), undefined, other);
});
