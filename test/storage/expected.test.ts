// An expected upload at the end of its life, and while its place is still being made.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sink } from "../../src/ports.ts";
import { ExpectedUploads } from "../../src/storage/expected.ts";
import { memory } from "../../src/storage/memory.ts";

const client = { host: "192.0.2.7", port: 2000 };
const expected = { name: "x", client: client.host, sizeMax: 100, lifetimeMillis: 10 };
const request = { client, mode: "octet", options: new Map() } as const;

test("content that is being stored when its life ends still arrives", async () => {
  const uploads = new ExpectedUploads();
  let stored = (): void => {};
  const into = () => ({
    writev: async () => {},
    commit: () => new Promise<void>((resolve) => (stored = resolve)),
    discard: async () => {},
  });
  const awaited = uploads.arm({ ...expected, into });
  const sink = await uploads.before(memory()).openWrite("x", request);
  await sink.writev([Buffer.from("content")]);
  const committed = sink.commit();
  // A later timer of the same clock: the life is over then.
  await new Promise((over) => setTimeout(over, 2 * expected.lifetimeMillis));
  stored();
  await committed;
  uploads.handleEnded(client, undefined);
  assert.equal((await awaited).size, 7);
});

/** Sinks that are there once `open` is called; in the order in which they were asked for. */
function slowly() {
  const asked: { readonly open: () => void; discarded: boolean }[] = [];
  const into = () =>
    new Promise<Sink>((resolve) => {
      const open = () => resolve({ writev: nothing, commit: nothing, discard });
      const one = { open, discarded: false };
      const discard = async () => {
        one.discarded = true;
      };
      asked.push(one);
    });
  return { asked, into };
}

async function nothing(): Promise<void> {}

test("what begins when the name has been taken back is not taken", async () => {
  const uploads = new ExpectedUploads();
  const { asked, into } = slowly();
  const back = new AbortController();
  const life = { ...expected, lifetimeMillis: 60_000, signal: back.signal };
  const awaited = uploads.arm({ ...life, into });
  const opening = uploads.before(memory()).openWrite("x", request);
  back.abort(new Error("taken back"));
  await assert.rejects(awaited, /taken back/);
  asked[0]?.open();
  await assert.rejects(opening, { code: "ABORTED" });
  assert.equal(asked[0]?.discarded, true);
});

test("of two attempts the later one counts, whichever is opened first", async () => {
  const uploads = new ExpectedUploads();
  const { asked, into } = slowly();
  const awaited = uploads.arm({ ...expected, lifetimeMillis: 60_000, into });
  const storage = uploads.before(memory());
  const earlier = storage.openWrite("x", request);
  const later = storage.openWrite("x", request);
  asked[1]?.open();
  const sink = await later;
  asked[0]?.open();
  await assert.rejects(earlier, { code: "ABORTED" });
  await sink.writev([Buffer.from("content")]);
  await sink.commit();
  uploads.handleEnded(client, undefined);
  assert.equal((await awaited).size, 7);
});
