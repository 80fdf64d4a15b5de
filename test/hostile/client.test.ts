// Our client, as a library, against servers that lie, flood, stall and forge: it fails in bounded
// time, says why, leaves nothing in the sink, and closes what it opened.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { get, put, type Sink } from "../../src/index.ts";
import { failure, noise } from "../loopback/pair.ts";
import { data, error, oack } from "../server/device.ts";
import { badDownloads, badUploads, forgedServer, type Script } from "./forged-server.ts";

const timeout = 30_000;
const patience = { timeoutMillis: 400, retries: 1 };

/** Counts what is done to it. */
function countingSink() {
  const counts = { bytes: 0, commits: 0, discards: 0 };
  const sink: Sink = {
    writev: async (payloads) => {
      for (const { length } of payloads) counts.bytes += length;
    },
    commit: async () => void (counts.commits += 1),
    discard: async () => void (counts.discards += 1),
  };
  return { sink, counts };
}

describe("a download fails, and nothing of it is kept, when the server sends", {
  concurrency: 12,
}, () => {
  for (const [what, says, script] of badDownloads) {
    test(what, { timeout }, async () => {
      const server = await forgedServer(script);
      const { sink, counts } = countingSink();
      // Elsewhere the machine may be too busy for so little patience.
      const more = /more than/.test(says.source) ? { timeoutMillis: 5000 } : {};
      const options = { ...patience, ...more, bytesMax: 100_000 };
      const thrown = await failure(get(`${server.url}/x`, options).into(sink));
      await server.close();
      assert.match(thrown.message, says);
      assert.ok(thrown.message.length < 600 && thrown.hint, thrown.message);
      assert.deepEqual([counts.commits, counts.discards], [0, 1]);
      assert.ok(counts.bytes <= 100_000, `${counts.bytes} bytes`);
      assert.ok(server.asked <= 4, `asked ${server.asked} times`);
    });
  }
});

describe("an upload fails when the server answers", { concurrency: 12 }, () => {
  for (const [what, says, script] of badUploads) {
    test(what, { timeout }, async () => {
      const server = await forgedServer(script);
      const thrown = await failure(put(`${server.url}/x`, noise(5000), patience));
      await server.close();
      assert.match(thrown.message, says);
      assert.ok(thrown.hint);
    });
  }
});

async function fetched(script: Script, options: { bytesMax?: number } = {}): Promise<string> {
  const server = await forgedServer(script);
  try {
    return await get(`${server.url}/x`, options).text();
  } finally {
    await server.close();
  }
}

test("forged DATA, ERRORs and OACKs from other ports change nothing", { timeout }, async () => {
  const text = await fetched(async ({ send, sendFromElsewhere, next }) => {
    send(data(1, Buffer.alloc(512, "a")));
    await next();
    for (const host of ["127.0.0.1", "127.0.0.2"]) {
      await sendFromElsewhere(error(0, "stop"), host);
      await sendFromElsewhere(data(2, "forged"), host);
      await sendFromElsewhere(oack({ blksize: 8 }), host);
    }
    send(data(2, "true"));
  });
  assert.equal(text.slice(512), "true");
});

test("what comes after the last block changes nothing", { timeout }, async () => {
  const text = await fetched(async ({ send }) => {
    send(data(1, "all"));
    for (const late of [data(1, "none"), data(2, "more"), error(0, "no"), oack({ blksize: 8 })]) {
      send(late);
    }
  });
  assert.equal(text, "all");
});

test("a file of exactly bytesMax is taken", { timeout }, async () => {
  const script: Script = async ({ send }) => send(data(1, "12345"));
  assert.equal(await fetched(script, { bytesMax: 5 }), "12345");
  const server = await forgedServer(script);
  const thrown = await failure(get(`${server.url}/x`, { bytesMax: 4 }).bytes());
  await server.close();
  assert.equal(thrown.code, "TOO_LARGE");
});

test("a size beyond bytesMax is refused before the first block", { timeout }, async () => {
  let answer: unknown;
  const server = await forgedServer(async ({ send, next }) => {
    send(oack({ tsize: 1_000_000 }));
    const packet = (await next())?.packet;
    answer = packet?.op === "error" ? packet.code : packet?.op;
  });
  const thrown = await failure(get(`${server.url}/x`, { bytesMax: 999_999 }).bytes());
  assert.equal(thrown.code, "TOO_LARGE");
  await server.close();
  assert.equal(answer, 3);
});

test("bytesMax must be a whole number", { timeout }, async () => {
  for (const bytesMax of [-1, 1.5, Number.NaN, 2 ** 60]) {
    const thrown = await failure(get("tftp://127.0.0.1:9/x", { bytesMax }).bytes());
    assert.equal(thrown.code, "INVALID_ARGUMENT");
  }
});
