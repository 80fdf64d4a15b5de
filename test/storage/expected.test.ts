// An expected upload at the end of its life.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpectedUploads } from "../../src/storage/expected.ts";
import { memory } from "../../src/storage/memory.ts";

const client = { host: "192.0.2.7", port: 2000 };
const expected = { name: "x", client: client.host, sizeMax: 100, lifetimeMillis: 10 };

test("content that is being stored when its life ends still arrives", async () => {
  const uploads = new ExpectedUploads();
  let stored = (): void => {};
  const into = () => ({
    writev: async () => {},
    commit: () => new Promise<void>((resolve) => (stored = resolve)),
    discard: async () => {},
  });
  const awaited = uploads.arm({ ...expected, into });
  const request = { client, mode: "octet", options: new Map() } as const;
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
