// Content that cannot be read before anything was asked of a server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../src/client/ask.ts";
import type { ClientParts } from "../../src/client/attempt.ts";
import type { Source } from "../../src/ports.ts";

test("a text that cannot be read is closed once", async () => {
  let closed = 0;
  const source: Source = {
    readv: () => Promise.reject(new Error("the disk is broken")),
    close: async () => void (closed += 1),
  };
  const target = { host: "127.0.0.1", port: 69, filename: "text", mode: "netascii" } as const;
  const nobody = {} as ClientParts;
  const asked = ask(nobody, target, { op: "wrq", source }, {});
  await assert.rejects(asked, { name: "TftpError", code: "STORAGE" });
  assert.equal(closed, 1);
});
