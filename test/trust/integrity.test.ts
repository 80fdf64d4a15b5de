// A manifest decides what is served, over the content that is really sent; and every upload is told
// with the digest of what was stored.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { link, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  directory,
  generated,
  get,
  manifest,
  mounts,
  overlay,
  put,
  type Storage,
} from "../../src/index.ts";
import { failsWith, folder, libraryServer, serving, tidewire } from "../cli/command.ts";
import { noise, pair } from "../loopback/pair.ts";
import { fails, readWhole, request, scene } from "../storage/scene.ts";

function digest(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

async function text(storage: Storage, name: string): Promise<string> {
  return String(await readWhole(await storage.openRead(name, request)));
}

/** Counts what is read of the storage behind the manifest. */
function counted(storage: Storage): { readonly storage: Storage; readonly reads: () => number } {
  let reads = 0;
  return {
    reads: () => reads,
    storage: {
      ...storage,
      async openRead(name, info) {
        const source = await storage.openRead(name, info);
        const { size, version } = source;
        return {
          ...(size === undefined ? {} : { size }),
          ...(version === undefined ? {} : { version }),
          close: () => source.close(),
          readv: (into, position) => {
            reads += 1;
            return source.readv(into, position);
          },
        };
      },
    },
  };
}

/** Versions as a file of long ago has them, whatever the clock of this machine says. */
function versioned(files: Map<string, Uint8Array>): Storage {
  return generated(({ name }) => {
    const body = files.get(name);
    return body && { body, version: digest(body) };
  });
}

test("only what is listed and unchanged is served", async (t) => {
  const { root, put: store } = await scene(t);
  await store("boot/a", "good");
  await store("b", "bad");
  await store("c", "unlisted");
  const lines = `${digest("good")}  boot/a\n${digest("good")} *./b\n${digest("x")}  missing\n`;
  const storage = manifest(directory(root), { lines });
  assert.equal(await text(storage, "/boot\\a"), "good");
  const changed = await fails(storage.openRead("b", request), "ACCESS_VIOLATION");
  assert.match(changed.message, /not what the manifest says/);
  const unlisted = await fails(storage.openRead("c", request), "FILE_NOT_FOUND");
  const nowhere = await fails(storage.openRead("nowhere", request), "FILE_NOT_FOUND");
  assert.equal(unlisted.message, nowhere.message, "what exists is not told");
  await fails(storage.openRead("missing", request), "FILE_NOT_FOUND");
});

test("a name may repeat the folder's own path, and is listed without it", async (t) => {
  const { root, put: store } = await scene(t);
  await store("a", "good");
  await store("b", "bad");
  const lines = `${digest("good")}  a\n${digest("good")}  b\n`;
  const storage = manifest(directory(root), { lines, dir: root });
  assert.equal(await text(storage, `${root}/a`), "good");
  await fails(storage.openRead(`${root}/b`, request), "ACCESS_VIOLATION");
  await fails(storage.openRead(`${root}/c`, request), "FILE_NOT_FOUND");
  const inside = `${root}/a`.slice(1);
  await store(inside, "nested");
  const nested = manifest(directory(root), { lines: `${digest("nested")}  ${inside}`, dir: root });
  assert.equal(await text(nested, inside), "nested");
});

test("a version is verified once, and another version anew", async () => {
  const files = new Map([["x", noise(1000)]]);
  const { storage, reads } = counted(versioned(files));
  const guarded = manifest(storage, { lines: `${digest(noise(1000))}  x` });
  const sources = await Promise.all([1, 2, 3].map(() => guarded.openRead("x", request)));
  assert.equal(reads(), 1);
  assert.deepEqual(
    sources.map(({ sha256 }) => sha256),
    Array(3).fill(digest(noise(1000))),
  );
  files.set("x", noise(1000, 2));
  await fails(guarded.openRead("x", request), "ACCESS_VIOLATION");
  files.set("x", noise(1000));
  await guarded.openRead("x", request);
});

test("what was looked at is what is sent, also where a file has no version yet", async (t) => {
  const { root, put: store } = await scene(t);
  const path = await store("x", "good");
  const storage = manifest(directory(root), { lines: `${digest("good")}  x` });
  const source = await storage.openRead("x", request);
  await writeFile(path, "evil");
  assert.equal(String(await readWhole(source)), "good");
  await fails(storage.openRead("x", request), "ACCESS_VIOLATION");
});

test("a file that is changed after it was verified is not sent", async (t) => {
  const { root, put: store } = await scene(t);
  const path = await store("x", "good");
  const storage = manifest(directory(root), { lines: `${digest("good")}  x` });
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
  const source = await storage.openRead("x", request);
  assert.ok(source.version, "it bears a version now");
  await writeFile(path, "evil");
  await fails(source.readv([Buffer.alloc(4)], 0), "STORAGE");
  await source.close();
  await rename(await store("y", "good"), path);
  assert.equal(await text(storage, "x"), "good");
});

test("a file that lost a name after it was verified is not sent on", async (t) => {
  const { root, put: store } = await scene(t);
  const path = await store("x", "good");
  await utimes(path, 1, 1);
  await link(path, `${path}.snapshot`);
  const lines = `${digest("good")}  x`;
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
  const plain = directory(root);
  for (const storage of [plain, mounts([{ at: "/", storage: plain }]), overlay(plain)]) {
    const source = await manifest(storage, { lines }).openRead("x", request);
    await writeFile(path, "evil");
    await utimes(path, 1, 1);
    await rm(`${path}.snapshot`);
    await fails(source.readv([Buffer.alloc(4)], 0), "STORAGE");
    await source.close();
    await rename(await store("y", "good"), path);
    await utimes(path, 1, 1);
    await link(path, `${path}.snapshot`);
  }
});

test("a stream is held while it is verified, and too much is put off", async () => {
  const stream = (megabytes: number) =>
    generated(async function* () {
      for (let left = megabytes; left > 0; left -= 1) yield Buffer.alloc(1 << 20);
    } as never);
  const lines = `${digest(Buffer.alloc(2 << 20))}  x`;
  const source = await manifest(stream(2), { lines }).openRead("x", request);
  assert.equal((await readWhole(source, 1 << 20)).length, 2 << 20);
  await fails(manifest(stream(65), { lines }).openRead("x", request), "BUSY");
});

test("a manifest is read as sha256sum writes it, or refused with the line", () => {
  const none = generated(() => undefined);
  const good = `# comment\r\n${digest("a").toUpperCase()}  a\r\n\\${digest("b")}  b\\\\c\n\n`;
  manifest(none, { lines: good });
  for (const wrong of [
    "nonsense",
    `${digest("a")} a`,
    `${digest("a")}  ../a`,
    `${digest("a").slice(1)}  a`,
    `${digest("a")}  a\n${digest("b")}  ./a`,
  ]) {
    assert.throws(() => manifest(none, { lines: wrong }), { code: "INVALID_ARGUMENT" }, wrong);
  }
});

test("a signature must be there, be right, and be of an Ed25519 key", () => {
  const none = generated(() => undefined);
  const pem = { type: "spki", format: "pem" } as const;
  const { publicKey: key, privateKey } = generateKeyPairSync("ed25519");
  const publicKey = String(key.export(pem));
  const lines = Buffer.from(`${digest("a")}  a\n`);
  const signature = sign(null, lines, privateKey);
  manifest(none, { lines, publicKey, signature });
  manifest(none, { lines, publicKey, signature: `${signature.toString("base64")}\n` });
  const other = generateKeyPairSync("ed25519");
  const rsa = String(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export(pem));
  const wrong = { code: "ACCESS_VIOLATION", message: /no valid signature/ };
  for (const options of [
    { lines, publicKey },
    { lines, publicKey, signature: sign(null, lines, other.privateKey) },
    { lines: `${lines}#`, publicKey, signature },
    { lines, publicKey: rsa, signature },
    { lines, publicKey: "no key", signature },
  ]) {
    assert.throws(() => manifest(none, options), wrong);
  }
});

test("the command serves by a signed manifest and logs the digest", async (t) => {
  const root = await folder(t);
  const keys = await folder(t);
  const file = (name: string): string => join(keys, name);
  await writeFile(join(root, "a"), "content");
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const lines = `${digest("content")}  a\n`;
  await writeFile(file("SUMS"), lines);
  await writeFile(file("SUMS.sig"), sign(null, Buffer.from(lines), privateKey));
  await writeFile(file("key.pem"), publicKey.export({ type: "spki", format: "pem" }));
  const args = [root, "--manifest", file("SUMS"), "--manifest-key", file("key.pem")];
  const { url, printed } = await serving(t, args);
  assert.equal(await get(`${url}/a`).text(), "content");
  assert.equal(await get(`${url}/${root}/a`).text(), "content");
  await printed(new RegExp(`get a 7 bytes in .*, sha256 ${digest("content")}\\)`));
  await writeFile(join(root, "a"), "changed");
  await assert.rejects(get(`${url}/a`).bytes(), { wireCode: 2 });
  await printed(/get a refused: the content is not what the manifest says/);
  await writeFile(file("SUMS"), `${lines}#`);
  failsWith(await tidewire(["serve", ...args, "--port", "0"]), 1, /no valid signature/);
  const missing = await tidewire(["serve", root, "--manifest", file("none"), "--port", "0"]);
  failsWith(missing, 1, /none does not exist/);
  const keyAlone = await tidewire(["serve", root, "--manifest-key", file("key.pem")]);
  failsWith(keyAlone, 2, /--manifest-key is given without --manifest/);
});

test("SIGHUP takes a changed manifest where there is a configuration", async (t) => {
  const root = await folder(t);
  const [sums, config] = [join(root, "SUMS"), join(root, "tidewire.toml")];
  for (const name of ["a", "b"]) await writeFile(join(root, name), name);
  await writeFile(sums, `${digest("a")}  a\n`);
  await writeFile(config, `dir = ${JSON.stringify(root)}\nmanifest = ${JSON.stringify(sums)}\n`);
  const { url, child, printed } = await serving(t, ["--config", config]);
  await assert.rejects(get(`${url}/b`).bytes(), { code: "FILE_NOT_FOUND" });
  await writeFile(sums, `${digest("b")}  b\n`);
  child.kill("SIGHUP");
  await printed(/Read \S+ again/);
  assert.equal(await get(`${url}/b`).text(), "b");
  await assert.rejects(get(`${url}/a`).bytes(), { code: "FILE_NOT_FOUND" });
});

async function uploadServer(t: TestContext) {
  const root = await folder(t);
  return { root, ...(await libraryServer(t, directory(root, { uploads: "create" }))) };
}

test("every upload is told with the digest of what was stored", async (t) => {
  const { root, url, event } = await uploadServer(t);
  await put(`${url}/x;mode=netascii`, Buffer.from("a\nb\n"));
  const { transfer } = await event("ended");
  assert.equal(transfer.sha256, digest(await readFile(join(root, "x"))));
});

test("an upload in memory has a digest too, one that fails has none", async (t) => {
  const { url, events } = await pair(t, { limits: { uploadBytesMax: 100_000 } });
  await put(url("x"), noise(99_999));
  await assert.rejects(
    put(
      url("x"),
      (async function* () {
        yield noise(200_000);
      })(),
    ),
  );
  const digests = events.flatMap((event) =>
    event.kind === "ended" ? [event.transfer.sha256] : [],
  );
  assert.deepEqual(digests, [digest(noise(99_999)), undefined]);
});

test("digests of uploads can be left out", async (t) => {
  const { url, events } = await pair(t, { uploadDigests: false });
  await put(url("x"), noise(5000));
  const ended = events.find((event) => event.kind === "ended");
  assert.ok(ended?.kind === "ended" && ended.transfer.sha256 === undefined);
});
