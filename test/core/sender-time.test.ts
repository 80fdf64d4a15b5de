// When the side that sends DATA speaks, waits, repeats and gives up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openedSender, plainSender, windowSender } from "./conversation.ts";

test("the OACK is repeated until ACK 0 comes", () => {
  windowSender(4)
    .sends("OACK windowsize=4")
    .at(999)
    .sendsNothing()
    .at(1000)
    .sends("OACK windowsize=4")
    .supply(4)
    .gets("ACK 0")
    .sends("DATA 1..4");
});

test("a repeated ACK sooner than a round trip after the window was sent is ignored", () => {
  openedSender(4, 12)
    .sends("DATA 1..4")
    .at(20)
    .gets("ACK 4")
    .sends("DATA 5..8")
    .at(39)
    .gets("ACK 4")
    .sendsNothing()
    .at(40)
    .gets("ACK 4")
    .sends("DATA 5..8");
});

test("ACKs of parts that were under way together rewind once, not for each part", () => {
  openedSender(16, 48)
    .sends("DATA 1..16")
    .at(20)
    .gets("ACK 4")
    .sends("DATA 5..20")
    .gets("ACK 8")
    .sends("DATA 21..24")
    .gets("ACK 12")
    .sends("DATA 25..28");
});

test("a gap is made good at once although the first answer took long", () => {
  openedSender(4, 16)
    .sends("DATA 1..4")
    .at(100)
    .gets("ACK 2")
    .sends("DATA 3..6")
    .at(105)
    .gets("ACK 5")
    .sends("DATA 6..9");
});

test("no timer runs while a Sender waits for its own storage", () => {
  openedSender(4, 2)
    .sends("DATA 1..2")
    .waitsUntil(undefined)
    .at(60_000)
    .sendsNothing()
    .supply(4)
    .sends("DATA 3..4")
    .waitsUntil(61_000);
});

test("an answer that came before the storage was ready starts no timer", () => {
  openedSender(4, 4).sends("DATA 1..4").at(10).gets("ACK 4").sendsNothing().waitsUntil(undefined);
});

test("intervals double, and the attempts are finite", () => {
  plainSender()
    .supply(2)
    .sends("DATA 1")
    .at(1000)
    .sends("DATA 1")
    .at(2999)
    .sendsNothing()
    .at(3000)
    .sends("DATA 1")
    .at(7000)
    .sends("DATA 1")
    .at(15_000)
    .sendsNothing()
    .fails("TIMED_OUT");
});

test("a timeout rewinds to the oldest block that is not acknowledged", () => {
  openedSender(4, 12)
    .sends("DATA 1..4")
    .at(20)
    .gets("ACK 4")
    .sends("DATA 5..8")
    .waitsUntil(160) // the round trip of 20 ms and 120 ms more
    .at(160)
    .sends("DATA 5..8");
});

test("a measured path repeats early without using up the attempts", () => {
  const talk = plainSender().supply(9).sends("DATA 1").at(10).gets("ACK 1").sends("DATA 2");
  let now = 10;
  for (const interval of [130, 260, 520]) talk.at((now += interval)).sends("DATA 2");
  for (const interval of [1040, 2080, 4160]) talk.at((now += interval)).sends("DATA 2");
  talk
    .at(now + 8000)
    .sendsNothing()
    .fails("TIMED_OUT");
});

test("a negotiated timeout holds exactly, repeat after repeat", () => {
  const talk = windowSender(1, { exactTimeoutMillis: 3000 }).supply(3).sends("OACK windowsize=1");
  talk.at(5).gets("ACK 0").sends("DATA 1").at(10).gets("ACK 1").sends("DATA 2");
  for (const time of [3010, 6010, 9010]) talk.waitsUntil(time).at(time).sends("DATA 2");
  talk.at(12_010).sendsNothing().fails("TIMED_OUT");
});

test("what was sent twice tells no round trip", () => {
  const talk = plainSender()
    .supply(3)
    .sends("DATA 1")
    .at(1000)
    .sends("DATA 1")
    .at(1001)
    .gets("ACK 1");
  assert.equal(talk.machine.roundTripMillis, undefined);
  talk.sends("DATA 2").at(1031).gets("ACK 2");
  assert.equal(talk.machine.roundTripMillis, 30);
});

test("the answer to the opening tells no round trip of a window", () => {
  const talk = openedSender(4, 4).sends("DATA 1..4");
  assert.equal(talk.machine.roundTripMillis, undefined);
  talk.waitsUntil(1000);
});

test("a repeated request repeats the OACK, but not within 100 ms", () => {
  windowSender(4)
    .sends("OACK windowsize=4")
    .getsRequestAgain()
    .at(99)
    .getsRequestAgain()
    .sendsNothing()
    .at(100)
    .getsRequestAgain()
    .sends("OACK windowsize=4")
    .at(199)
    .getsRequestAgain()
    .sendsNothing()
    .at(300)
    .getsRequestAgain()
    .sends("OACK windowsize=4");
});

test("a client that proves nothing gets three copies, and three for each request", () => {
  const talk = windowSender(4, { unprovenMax: 3 });
  for (const at of [0, 1000, 3000]) talk.at(at).sends("OACK windowsize=4");
  talk.at(7000).sendsNothing().at(9000).getsRequestAgain().sends("OACK windowsize=4");
  for (const at of [10_000, 12_000]) talk.at(at).sends("OACK windowsize=4");
  talk.at(16_000).sendsNothing();
  assert.equal(talk.machine.outcome, undefined);
  talk.supply(4).gets("ACK 0").sends("DATA 1..4");
});

test("to a client that has proved itself every repeat goes out", () => {
  const talk = plainSender({ unprovenMax: 1 }).supply(2).sends("DATA 1").at(1000).sendsNothing();
  talk.machine.prove();
  talk.gets("ACK 1").sends("DATA 2");
  for (const at of [4000, 10_000, 18_000]) talk.at(at).sends("DATA 2");
});

test("a client that proves nothing is given up after the usual patience", () => {
  const talk = plainSender({ unprovenMax: 1 }).supply(1).sends("DATA 1");
  for (const at of [1000, 3000, 7000]) talk.at(at).sendsNothing();
  talk.waitsUntil(15_000).at(15_000).sendsNothing();
  assert.equal(talk.machine.outcome?.ok, false);
});

test("a repeated request repeats DATA 1 where there was no OACK", () => {
  plainSender().supply(2).sends("DATA 1").at(500).getsRequestAgain().sends("DATA 1");
});

test("a repeated request after the first answer is ignored", () => {
  plainSender()
    .supply(3)
    .sends("DATA 1")
    .gets("ACK 1")
    .sends("DATA 2")
    .at(110)
    .getsRequestAgain()
    .sendsNothing();
});

test("a timer that an early ACK started does not outlive the blocks at hand", () => {
  openedSender(16, 20)
    .sends("DATA 1..16")
    .at(20)
    .gets("ACK 4")
    .sends("DATA 5..20")
    .gets("ACK 8")
    .waitsUntil(1020)
    .supply(22)
    .sends("DATA 21..22")
    .waitsUntil(undefined);
});

test("progress brings back the first interval", () => {
  plainSender()
    .supply(2)
    .sends("DATA 1")
    .at(1000)
    .sends("DATA 1")
    .waitsUntil(3000)
    .at(1001)
    .gets("ACK 1")
    .sends("DATA 2")
    .waitsUntil(2001);
});
