// What the page remembers of what has ended: the latest, in words, and never more than so much.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { History, historyMax } from "../../src/observe/history.ts";
import type { Ended, ServerEvent, TransferInfo } from "../../src/server/events.ts";

const client = { host: "192.0.2.7", port: 5000 };

function ended(id: number, more: Partial<Ended> = {}, op: TransferInfo["op"] = "rrq"): Ended {
  const transfer: TransferInfo = {
    ...{ id, op, filename: `file-${id}`, mode: "octet", client, options: true, startedAt: 1 },
    ...{ local: { host: "192.0.2.1", port: 69 }, blksize: 512, windowsize: 1, bytes: 10 },
    ...{ durationMillis: 5, resent: 0, duplicates: 0 },
  };
  return { kind: "ended", ending: "completed", transfer, ...more };
}

function missed(filename: string, op: "rrq" | "wrq" = "rrq"): ServerEvent {
  const error = new TftpError("FILE_NOT_FOUND", "file not found");
  return { kind: "refused", request: { op, filename, client }, error };
}

test("the newest comes first, and the oldest is forgotten for it", () => {
  const history = new History("2.");
  for (let id = 1; id <= historyMax + 7; id++) history.handleEvent(ended(id), id, 1000 + id);
  const { entries } = history;
  assert.equal(entries.length, historyMax);
  assert.deepEqual([entries[0]?.id, entries.at(-1)?.id], [`2.${historyMax + 7}`, "2.8"]);
  assert.deepEqual([history.entry("2.8")?.filename, history.entry("2.7")], ["file-8", undefined]);
});

test("what ended well has no reason, and what was not confirmed no remedy", () => {
  const history = new History("");
  history.handleEvent(ended(1), 1, 0);
  const error = new TftpError("TIMED_OUT", "the peer stopped answering");
  history.handleEvent(ended(2, { ending: "unconfirmed", error }, "wrq"), 2, 0);
  history.handleEvent(missed("new.cfg", "wrq"), -1, 0);
  const [refused, unconfirmed, completed] = history.entries;
  assert.deepEqual([completed?.op, completed?.why, completed?.remedy], ["get", null, null]);
  assert.deepEqual([unconfirmed?.op, unconfirmed?.remedy], ["put", null]);
  assert.match(unconfirmed?.why ?? "", /the last ACK never came/);
  assert.deepEqual([refused?.op, refused?.outcome], ["put", "refused"]);
});

test("names that were not found are counted, the latest first, and bounded", () => {
  const history = new History("");
  for (const name of ["a", "b", "a"]) history.handleEvent(missed(name), 0, 0);
  history.handleEvent(missed("uploads", "wrq"), 0, 0);
  const told = history.missing.map(({ filename, count }) => `${filename} ${count}`);
  assert.deepEqual(told, ["a 2", "b 1"]);
  for (let at = 0; at < 500; at++) history.handleEvent(missed(`name-${at}`), 0, 0);
  assert.equal(history.missing.length, 200);
  assert.equal(history.missing[0]?.filename, "name-499");
});
