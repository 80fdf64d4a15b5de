// What the RFCs say of the order and the times of packets, where no other test shows it.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clientReceiver,
  clientSender,
  openedSender,
  plainReceiver,
  plainSender,
  windowReceiver,
  windowSender,
} from "../core/conversation.ts";

test("a window of 1 sends as RFC 1350 does", () => {
  const opened = windowSender(1).sends("OACK windowsize=1").gets("ACK 0");
  for (const talk of [plainSender(), opened]) {
    talk
      .supply(3, 3)
      .sends("DATA 1")
      .gets("ACK 1")
      .sends("DATA 2")
      .at(50)
      .gets("ACK 1")
      .gets("ACK 0")
      .sendsNothing()
      .gets("ACK 2")
      .sends("DATA 3")
      .gets("ACK 3")
      .sendsNothing()
      .succeeds();
  }
});

test("a window of 1 receives as RFC 1350 does", () => {
  for (const talk of [plainReceiver(), windowReceiver(1)]) {
    talk
      .gets("DATA 1")
      .stored(1)
      .sends("ACK 1")
      .gets("DATA 3")
      .hands(0)
      .sendsNothing()
      .gets("DATA 2")
      .hands(1)
      .stored(2)
      .sends("ACK 2")
      .gets("DATA 3 (0)")
      .stored(3)
      .sends("ACK 3")
      .succeeds();
  }
});

test("the last block is repeated until its ACK comes, or the attempts are used up", () => {
  const unheard = plainSender().supply(1, 1).sends("DATA 1").at(1000).sends("DATA 1").goesOn();
  unheard.at(3000).sends("DATA 1").gets("ACK 1").sendsNothing().succeeds();
  const given = plainSender().supply(1, 1).sends("DATA 1");
  for (const time of [1000, 3000, 7000]) given.at(time).sends("DATA 1");
  given.at(15_000).sendsNothing().fails("TIMED_OUT");
});

test("an option that the OACK leaves out does not hold", () => {
  const reader = clientReceiver({ blksize: 1428, windowsize: 8, timeoutSeconds: 9 });
  reader.sends("RRQ f octet blksize=1428 windowsize=8 timeout=9").gets("OACK blksize=1024");
  reader.sends("ACK 0").waitsUntil(1000).gets("DATA 1 (1024)").stored(1).sends("ACK 1");
  const writer = clientSender({ blksize: 1428, windowsize: 8 });
  writer.sends("WRQ f octet blksize=1428 windowsize=8").gets("OACK windowsize=4");
  writer.supply(8).sends("DATA 1..4");
  assert.equal(writer.machine.agreed.blksize, 512);
});

test("a client repeats at exactly the interval that was agreed", () => {
  const talk = clientReceiver({ timeoutSeconds: 3 });
  talk.sends("RRQ f octet timeout=3").at(5).gets("OACK timeout=3").sends("ACK 0");
  for (const time of [3005, 6005, 9005]) talk.waitsUntil(time).at(time).sends("ACK 0");
  talk.at(12_005).sendsNothing().fails("TIMED_OUT");
});

test("a window that is larger than the file ends with it", () => {
  const talk = openedSender(8, 2, 2).sends("DATA 1..2").sendsNothing();
  talk.at(1000).sends("DATA 1..2").gets("ACK 2").succeeds();
  windowReceiver(8).gets("DATA 1").gets("DATA 2 (9)").stored(2).sends("ACK 2").succeeds();
});

test("a window is repeated a finite number of times", () => {
  const talk = openedSender(4, 8).sends("DATA 1..4");
  for (const time of [1000, 3000, 7000]) talk.at(time).sends("DATA 1..4");
  talk.at(15_000).sendsNothing().fails("TIMED_OUT");
});
