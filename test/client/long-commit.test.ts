// A download that is aborted while its file is being stored, which takes longer than a minute, by
// a clock that is set by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../src/client/ask.ts";
import { data } from "../server/device.ts";
import { HandClock, keptSocket, networkOf } from "../transfer/fakes.ts";

const server = { host: "192.0.2.9", port: 4000 };

test("what is still being stored is not discarded, however long it takes", async () => {
  const { calls } = await abortedWhileItStores();
  assert.deepEqual(calls, ["commit"]);
});

test("what could not be stored after all leaves no trace", async () => {
  const { calls, failCommit } = await abortedWhileItStores();
  failCommit();
  await settled();
  assert.deepEqual(calls, ["commit", "discard"]);
});

/** And that it was left alone a minute later. */
async function abortedWhileItStores() {
  const clock = new HandClock();
  const socket = keptSocket();
  const network = networkOf(socket);
  const calls: string[] = [];
  let failCommit = (): void => {};
  const sink = {
    writev: async () => {},
    commit: () => {
      calls.push("commit");
      return new Promise<void>((_, reject) => {
        failCommit = () => reject(new Error("the disk is gone"));
      });
    },
    discard: async () => void calls.push("discard"),
  };
  const leaving = new AbortController();
  const asked = ask(
    { clock, network, random: () => 0 },
    { ...server, port: 69, filename: "f", mode: "octet" },
    { op: "rrq", sink },
    { signal: leaving.signal },
  );
  const failed = assert.rejects(asked, { code: "STORAGE" });
  await settled();
  socket.onDatagram(data(1, Buffer.alloc(3)), server);
  await settled();
  leaving.abort();
  clock.advanceTo(60_001);
  await failed;
  return { calls, failCommit: () => failCommit() };
}

function settled(): Promise<void> {
  return new Promise((soon) => setImmediate(soon));
}
