// Descriptors run out: who cannot be served now may be when others have ended.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { data, wrq } from "./device.ts";
import { virtualServer } from "./virtual.ts";

test("who finds no descriptor left is served when it asks again and others ended", async () => {
  let left = 1;
  const openWrite = async () => {
    if (left === 0) throw new TftpError("BUSY", "too many", { cause: { code: "EMFILE" } });
    left -= 1;
    const commit = async (): Promise<void> => void (left += 1);
    return { writev: async () => {}, commit, discard: async () => {} };
  };
  const [first, second] = [
    { host: "192.0.2.7", port: 1 },
    { host: "192.0.2.8", port: 2 },
  ];
  const world = virtualServer({}, { storage: { openWrite, openRead: openWrite as never } });
  await world.ask(first, wrq("a"));
  await world.ask(second, wrq("b"));
  assert.deepEqual(world.port.sent, []);
  assert.equal(world.events.of("ignored")[0]?.error?.code, "BUSY");
  await world.answer(first, data(1, "whole"));
  await world.ask(second, wrq("b"));
  await world.answer(second, data(1, "whole"));
  const endings = world.events.of("ended").map(({ ending }) => ending);
  assert.deepEqual(endings, ["completed", "completed"]);
});

test("who finds no descriptor left, and nobody else here, is told", async () => {
  const none = new TftpError("BUSY", "too many", { cause: { code: "EMFILE" } });
  const openWrite = () => Promise.reject(none);
  const world = virtualServer({}, { storage: { openWrite, openRead: openWrite } });
  await world.ask({ host: "192.0.2.7", port: 1 }, wrq("a"));
  assert.equal(world.events.of("refused")[0]?.error, none);
});
