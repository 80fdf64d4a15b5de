// Storages in one name space may have the same name in the same version: what is shared among the
// readers of one must never go out for another.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { generated, manifest, memory, mounts, overlay, type Storage } from "../../src/index.ts";
import type { Address } from "../../src/ports.ts";
import { fails, readText, request, write } from "../storage/scene.ts";
import { ack, Device, rrq } from "./device.ts";
import { scene } from "./scene.ts";

const timeout = 30_000;
const favoured = "127.0.0.2";

/** What a client on `host` gets for `cfg`. */
async function fetched(t: TestContext, to: Address, host = "127.0.0.1"): Promise<string> {
  const device = await Device.open(t, host);
  await device.send(rrq("cfg"), to);
  const { packet, from } = await device.expectData(1);
  const text = Buffer.from(packet.payload).toString();
  await device.send(ack(1), from);
  return text;
}

/** The same name for all, another storage for one client. */
function perClient(one: Storage, others: Storage): Storage {
  return mounts([
    { at: "/", clients: favoured, storage: one },
    { at: "/", storage: others },
  ]);
}

const versioned = (body: string): Storage => generated(() => ({ body, version: "v1" }));

for (const [kind, storageOf] of [
  ["memory", (body: string) => memory({ cfg: body })],
  ["generated", versioned],
] as const) {
  test(`no client gets what another one's mount holds (${kind})`, { timeout }, async (t) => {
    const storage = perClient(storageOf("secret of A"), storageOf("secret of B"));
    const { to, server } = await scene(t, { storage });
    assert.equal(await fetched(t, to, favoured), "secret of A");
    assert.equal(await fetched(t, to), "secret of B");
    assert.equal(await fetched(t, to), "secret of B");
    assert.equal(server.stats().cacheHits, 1, "readers of one storage still share");
  });
}

test("content at hand is no more shared among mounts than other", { timeout }, async (t) => {
  const atHand = (body: string): Storage => {
    const bytes = Buffer.from(body);
    const source = {
      size: bytes.length,
      version: "v1",
      readv: async ([into]: readonly Uint8Array[]) => bytes.copy(into as Uint8Array),
      close: async () => {},
    };
    return { ...memory(), readAtHand: () => source };
  };
  const { to } = await scene(t, { storage: perClient(atHand("A"), atHand("B")) });
  assert.equal(await fetched(t, to, favoured), "A");
  assert.equal(await fetched(t, to), "B");
});

for (const [kind, base] of [
  ["memory", memory({ cfg: "base" })],
  ["generated", versioned("base")],
] as const) {
  test(`what was put in front of ${kind} content is what is sent`, { timeout }, async (t) => {
    const storage = overlay(memory({}, { uploads: "overwrite" }), base);
    const { to } = await scene(t, { storage });
    assert.equal(await fetched(t, to), "base");
    await write(storage, "cfg", "mine");
    assert.equal(await fetched(t, to), "mine");
  });
}

test("a storage of an overlay is known by its place", { timeout }, async (t) => {
  let body: string | undefined = "front";
  const front = generated(() => (body === undefined ? undefined : { body, version: "v1" }));
  const { to } = await scene(t, { storage: overlay(front, versioned("base")) });
  assert.equal(await fetched(t, to), "front");
  body = undefined;
  assert.equal(await fetched(t, to), "base");
});

test("a manifest that vouches for one mount's content does not for another's", async () => {
  const lines = `${createHash("sha256").update("good").digest("hex")}  cfg`;
  const storage = manifest(perClient(versioned("good"), versioned("evil")), { lines });
  const client = { host: favoured, port: 2000 };
  await (await storage.openRead("cfg", { ...request, client })).close();
  await fails(storage.openRead("cfg", request), "ACCESS_VIOLATION");
});

test("the size and the digest are told as the storage tells them", async () => {
  const lines = `${createHash("sha256").update("good").digest("hex")}  cfg`;
  const listed = manifest(versioned("good"), { lines });
  for (const storage of [perClient(memory(), listed), overlay(memory(), listed)]) {
    const { size, sha256 } = await storage.openRead("cfg", request);
    assert.deepEqual([size, sha256], [4, lines.split(" ")[0]]);
    assert.equal(await readText(storage, "cfg"), "good");
  }
});
