// A server that is read-only takes exactly the upload that was announced, over real sockets.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { directory, fileSink, put, TftpError } from "../../src/index.ts";
import { ExpectedUploads } from "../../src/storage/expected.ts";
import { folder } from "../cli/command.ts";
import { failure, noise, type Pair, pair } from "../loopback/pair.ts";

const client = "127.0.0.1";
const name = "switch-07.cfg";
const content = noise(5000);

/** Read-only, and its judge lets nobody in. */
async function closedServer(t: TestContext): Promise<Pair & { readonly root: string }> {
  const root = await folder(t);
  const judge = () =>
    ({ kind: "refuse", error: new TftpError("ACCESS_VIOLATION", "nobody") }) as const;
  return { root, ...(await pair(t, { storage: directory(root), judge })) };
}

const life = { sizeMax: 10_000, lifetimeMillis: 60_000 };

test("an expected upload is taken once, with its digest", async (t) => {
  const { server, url, root } = await closedServer(t);
  const awaited = server.expectUpload({ name, client, ...life });
  await put(url(`/${name}`), content);
  const { bytes, size, sha256, ...rest } = await awaited;
  assert.deepEqual([Buffer.compare(bytes, content), size], [0, 5000]);
  assert.equal(sha256, createHash("sha256").update(content).digest("hex"));
  assert.deepEqual([rest.name, rest.client.host], [name, client]);
  assert.match((await failure(put(url(name), content))).message, /nobody/);
  assert.deepEqual(await readdir(root), []);
});

test("the server may close as soon as the upload is there", async (t) => {
  const { server, url } = await closedServer(t);
  const closing = server.expectUpload({ name, client, ...life }).then(() => server.close());
  await put(url(name), content);
  await closing;
});

test("content may go to a file, which appears whole", async (t) => {
  const { server, url } = await closedServer(t);
  const path = join(await folder(t), "kept.cfg");
  const awaited = server.expectUpload({ name, client, ...life, into: () => fileSink(path) });
  await put(url(name), content);
  assert.equal((await awaited).bytes.length, 0);
  assert.equal(Buffer.compare(await readFile(path), content), 0);
});

test("other names, other clients and reads stay refused", async (t) => {
  const { server, url } = await closedServer(t);
  const awaited = server.expectUpload({ name, client: "192.0.2.7", ...life });
  void server.expectUpload({ name: "other", client, ...life });
  assert.match((await failure(put(url(name), content))).message, /nobody/);
  assert.match((await failure(put(url("another"), content))).message, /nobody/);
  await server.close();
  await assert.rejects(awaited, { code: "ABORTED" });
});

test("what is too large is refused, and the next attempt may fit", async (t) => {
  const { server, url, events } = await closedServer(t);
  const awaited = server.expectUpload({ name, client, ...life });
  const announced = await failure(put(url(name), noise(10_001)));
  const kinds = events.map(({ kind }) => kind);
  assert.deepEqual([kinds.includes("refused"), kinds.includes("started")], [true, false]);
  const endless = (async function* () {
    for (;;) yield noise(1000);
  })();
  const found = await failure(put(url(name), endless));
  for (const error of [announced, found]) {
    assert.deepEqual([error.wireCode, error.origin], [3, "remote"]);
    assert.match(error.message, /more than 10000 bytes/);
  }
  await put(url(name), noise(10_000));
  assert.equal((await awaited).size, 10_000);
});

test("a client that begins anew from another port replaces its first attempt", async (t) => {
  const { server, url } = await closedServer(t);
  const awaited = server.expectUpload({ name, client, ...life });
  let go = (): void => {};
  const gate = new Promise<void>((resolve) => (go = resolve));
  let begun = (): void => {};
  const started = new Promise<void>((resolve) => (begun = resolve));
  const stalled = put(
    url(name),
    (async function* () {
      yield noise(2000);
      begun();
      await gate;
      yield noise(2000);
    })(),
    { blksize: 512, windowsize: 1 },
  );
  await started;
  await put(url(name), content);
  assert.equal((await awaited).size, 5000);
  go();
  assert.match((await failure(stalled)).message, /not expected any more/);
});

test("at the end of its life the promise fails, and what is under way ends", async (t) => {
  const { server, url } = await closedServer(t);
  const awaited = server.expectUpload({ name, client, sizeMax: 1e6, lifetimeMillis: 500 });
  const upload = put(
    url(name),
    (async function* () {
      yield noise(2000);
      await awaited.catch(() => {});
      yield noise(2000);
    })(),
    { blksize: 512, windowsize: 1 },
  );
  await assert.rejects(awaited, { code: "TIMED_OUT", message: /did not come from 127.* 0.5 s/ });
  assert.match((await failure(upload)).message, /not expected any more/);
  assert.match((await failure(put(url(name), content))).message, /nobody/);
});

test("a signal takes the name back", async (t) => {
  const { server, url } = await closedServer(t);
  const controller = new AbortController();
  const awaited = server.expectUpload({ name, client, ...life, signal: controller.signal });
  controller.abort(new Error("the operator changed his mind"));
  await assert.rejects(awaited, /changed his mind/);
  assert.match((await failure(put(url(name), content))).message, /nobody/);
  const late = server.expectUpload({ name, client, ...life, signal: controller.signal });
  await assert.rejects(late, /changed his mind/);
});

/** One upload that is expected, and whose attempts are played by hand. */
function armed(t: TestContext, commit: () => Promise<void>) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const from = { host: client, port: 1234 };
  const request = { client: from, mode: "octet" as const, options: new Map() };
  const uploads = new ExpectedUploads();
  const into = () => ({ writev: async () => {}, commit, discard: async () => {} });
  const awaited = uploads.arm({ name, client, ...life, into });
  return {
    awaited,
    open: () => uploads.before(directory("none")).openWrite(name, request),
    ended: (error?: TftpError) => uploads.handleEnded(from, error),
    endLife: () => t.mock.timers.tick(life.lifetimeMillis),
  };
}

for (const when of ["before", "after"]) {
  // Its client has begun something else: that attempt ends without a word.
  test(`what cannot be stored ${when} the end of its life fails at the latest then`, async (t) => {
    let fail = (_: Error): void => {};
    const storing = new Promise<void>((_, reject) => (fail = reject));
    const { awaited, open, endLife } = armed(t, () => storing);
    const committed = (await open()).commit();
    if (when === "after") endLife();
    fail(new Error("no room"));
    await assert.rejects(committed, /no room/);
    if (when === "before") endLife();
    const settled = await Promise.race([failure(awaited), new Promise(setImmediate)]);
    assert.equal((settled as TftpError | undefined)?.code, "TIMED_OUT");
  });
}

test("an attempt that ends while the next one runs does not disown that", async (t) => {
  const { awaited, open, ended } = armed(t, async () => {});
  const first = await open();
  await first.commit();
  const second = await open();
  ended();
  await second.writev([content]);
  await second.commit();
  ended();
  const settled = await Promise.race([awaited, new Promise(setImmediate)]);
  assert.equal((settled as { size: number } | undefined)?.size, content.length);
});

test("a closed server expects nothing any more", async (t) => {
  const { server } = await closedServer(t);
  await server.close();
  assert.equal((await failure(server.expectUpload({ name, client, ...life }))).code, "ABORTED");
});

test("wrong options are told, and a name is armed once", async (t) => {
  const { server, url } = await closedServer(t);
  const wrong = { code: "INVALID_ARGUMENT" };
  const right = { name, client, ...life };
  await assert.rejects(server.expectUpload({ ...right, client: "switch-07" }), wrong);
  await assert.rejects(server.expectUpload({ ...right, name: "../x" }), wrong);
  await assert.rejects(server.expectUpload({ ...right, sizeMax: Number.NaN }), wrong);
  await assert.rejects(server.expectUpload({ ...right, lifetimeMillis: 1e12 }), wrong);
  const awaited = server.expectUpload(right);
  await assert.rejects(server.expectUpload({ ...right, name: `//${name}` }), wrong);
  await put(url(name), content);
  await awaited;
  const again = server.expectUpload(right);
  await put(url(name), content);
  await again;
});
