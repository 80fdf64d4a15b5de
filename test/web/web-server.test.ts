// The HTTP server under the page: how long it waits for whom.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import type { Request } from "../../src/web/visit.ts";
import { type Listening, openWeb } from "../../src/web/web-server.ts";

const headers = { "x-tidewire": "1" };

/** Hands each request to `answer`. */
async function opened(
  t: TestContext,
  idleMillisMax: number | undefined,
  answer: (asked: Request) => Promise<void>,
): Promise<Listening> {
  const listening = await openWeb({
    address: { host: "127.0.0.1", port: 0 },
    password: undefined,
    health: { ready: () => true },
    exposition: { type: "text/plain", text: async () => "" },
    page: {
      answer: async (asked, response) => {
        await answer(asked);
        response.end();
      },
      settled: async () => {},
      close: () => {},
    },
    ...(idleMillisMax === undefined ? {} : { idleMillisMax }),
  });
  t.after(() => listening.close());
  return listening;
}

test("an upload may take as long as it comes", async (t) => {
  const idleMillisMax = 500;
  let bytes = 0;
  const { address, server } = await opened(t, idleMillisMax, async ({ content }) => {
    for await (const piece of content) bytes += piece.length;
  });
  // Node ends by itself what takes longer, and looks for it only every 30 s.
  assert.equal(server.requestTimeout, 0);
  assert.equal(server.headersTimeout, 60_000);
  const upload = request({ ...address, method: "PUT", headers });
  const answered = once(upload, "response");
  const began = performance.now();
  while (performance.now() - began < 2 * idleMillisMax) {
    await new Promise((written) => upload.write("x", written));
    await new Promise((later) => setTimeout(later, idleMillisMax / 20));
  }
  upload.end("x");
  await answered;
  assert.ok(bytes > 1);
});

test("an upload that stands still is ended", { timeout: 30_000 }, async (t) => {
  let failed = (_: unknown): void => {};
  const failure = new Promise<unknown>((resolve) => {
    failed = resolve;
  });
  const { address } = await opened(t, 100, async ({ content }) => {
    try {
      for await (const _ of content);
    } catch (thrown) {
      failed(thrown);
    }
  });
  const upload = request({ ...address, method: "PUT", headers });
  const cut = once(upload, "error");
  upload.write("x");
  const [error] = await cut;
  assert.equal(error.code, "ECONNRESET");
  assert.ok((await failure) instanceof Error);
});
