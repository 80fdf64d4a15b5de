// A visitor of the page who leaves before there is an answer.

import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { memory } from "../../src/index.ts";
import { Observer } from "../../src/observe/observer.ts";
import { Totals } from "../../src/observe/totals.ts";
import type { Offer } from "../../src/web/files.ts";
import { sitePage } from "../../src/web/routes.ts";

test("a download whose visitor has left while the file was opened is closed", async () => {
  const response = Object.assign(new PassThrough(), { headersSent: false, writeHead: () => {} });
  const files = memory({ "a.bin": new Uint8Array(1000) });
  let open = 0;
  const storage = {
    ...files,
    openRead: async (...asked: Parameters<typeof files.openRead>) => {
      const source = await files.openRead(...asked);
      open += 1;
      response.destroy();
      await once(response, "close");
      const close = async (): Promise<void> => {
        open -= 1;
        await source.close();
      };
      return { size: 1000, readv: source.readv.bind(source), close };
    },
  };
  const page = sitePage({
    watched: { snapshot: () => [], addresses: [] },
    totals: new Totals(),
    observer: new Observer(),
    shelf: { storage, mayRead: () => true, offer: (): Offer => assert.fail("nobody asks") },
    onUpload: () => {},
    version: "1",
  });
  const request = { method: "GET", url: "/files/a.bin", headers: {}, content: Readable.from([]) };
  await page.answer(request, response, { host: "127.0.0.1", port: 1 });
  page.close();
  assert.equal(open, 0);
});
