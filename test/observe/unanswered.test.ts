// Which requests got no answer, and why.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { Unanswered } from "../../src/observe/unanswered.ts";

const request = (filename: string, host = "192.0.2.1") => ({
  ...{ op: "rrq" as const, filename },
  client: { host, port: 2070 },
});

test("requests without an answer are counted by client and name, the latest first", () => {
  const unanswered = new Unanswered();
  const reason = 'rule "ignore *.cfg"';
  for (const [at, name] of ["a.cfg", "b.cfg", "a.cfg"].entries()) {
    unanswered.add({ kind: "ignored", request: request(name), reason }, at);
  }
  unanswered.add({ kind: "ignored", request: request("a.cfg", "192.0.2.2") }, 3);
  const common = { op: "get", client: "192.0.2.1", why: reason } as const;
  assert.deepEqual(unanswered.requests, [
    { ...common, filename: "a.cfg", client: "192.0.2.2", why: null, count: 1, lastAt: 3 },
    { ...common, filename: "a.cfg", count: 2, lastAt: 2 },
    { ...common, filename: "b.cfg", count: 1, lastAt: 1 },
  ]);
  assert.equal(unanswered.count, 4);
});

test("what a limit leaves out is one for each client, and all is bounded", () => {
  const unanswered = new Unanswered();
  const error = new TftpError("BUSY", "too many requests at once");
  for (let at = 0; at < 500; at++) {
    unanswered.add({ kind: "ignored", request: request(`name-${at}`), error }, at);
  }
  const [{ filename, count, why } = {}] = unanswered.requests;
  assert.deepEqual([filename, count, why], ["name-499", 500, "too many requests at once"]);
  for (let at = 0; at < 500; at++) {
    unanswered.add({ kind: "ignored", request: request("x", `10.0.${at >> 8}.${at & 255}`) }, at);
  }
  assert.equal(unanswered.requests.length, 200);
  assert.equal(unanswered.requests[0]?.client, "10.0.1.243");
  assert.equal(unanswered.count, 1000);
});
