// Limits that are raised while requests wait for a place.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { memory, serve } from "../../src/index.ts";

test("who waits for a place has one as soon as a limit is raised", {
  timeout: 10_000,
}, async (t) => {
  const storage = memory({ a: new Uint8Array(5000) });
  const limits = { transfersMax: 1 };
  await using server = await serve({ storage, host: "127.0.0.1", port: 0, limits });
  const { host, port } = server.address;
  const ask = (): { readonly answered: Promise<unknown> } => {
    const client = createSocket("udp4");
    t.after(() => client.close());
    client.send("\0\x01a\0octet\0", port, host);
    return { answered: once(client, "message") };
  };
  await ask().answered;
  const { answered } = ask();
  while (server.stats().queued === 0) await new Promise(setImmediate);
  server.setLimits({ transfersMax: 2 });
  assert.equal(server.stats().queued, 0);
  await answered;
});
