// When the side that receives DATA speaks, waits, repeats and gives up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clientReceiver, plainReceiver, windowReceiver } from "./conversation.ts";

test("where blocks overtake each other, a gap gets half a round trip to close", () => {
  windowReceiver(4)
    .at(20)
    .gets("DATA 1")
    .gets("DATA 3")
    .gets("DATA 2")
    .gets("DATA 4")
    .stored(4)
    .sends("ACK 4")
    .at(40)
    .gets("DATA 5")
    .gets("DATA 6")
    .gets("DATA 8")
    .stored(6)
    .sendsNothing()
    .waitsUntil(50)
    .at(50)
    .sends("ACK 6");
});

test("a silence in mid-window acknowledges what has come", () => {
  windowReceiver(4).at(20).gets("DATA 1").gets("DATA 2").stored(2).at(59).sendsNothing();
  windowReceiver(4).at(20).gets("DATA 1").gets("DATA 2").stored(2).at(60).sends("ACK 2");
});

test("a silence in mid-window is longer on a long path, and exact where it was agreed", () => {
  windowReceiver(4).at(50).gets("DATA 1").stored(1).at(149).sendsNothing();
  windowReceiver(4).at(50).gets("DATA 1").stored(1).at(150).sends("ACK 1");
  const exact = clientReceiver({ windowsize: 4, timeoutSeconds: 1 });
  exact.sends("RRQ f octet windowsize=4 timeout=1").gets("OACK windowsize=4 timeout=1");
  exact.sends("ACK 0").gets("DATA 1").stored(1).at(999).sendsNothing().at(1000).sends("ACK 1");
});

test("a silence in mid-window asks for the rest once, and then gives it time", () => {
  const talk = windowReceiver(4).at(5).gets("DATA 1").stored(1).at(25).sends("ACK 1");
  talk.at(80).sendsNothing().at(110).sends("ACK 1");
});

test("repeated DATA is answered after a silence, and not in the wake of others", () => {
  plainReceiver()
    .at(10)
    .gets("DATA 1")
    .stored(1)
    .sends("ACK 1")
    .at(12)
    .gets("DATA 1")
    .sendsNothing()
    .at(70)
    .gets("DATA 1")
    .sends("ACK 1")
    .gets("DATA 1")
    .sendsNothing();
});

test("a repeated window is answered once, at its end", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 2")
    .gets("DATA 3")
    .gets("DATA 4")
    .stored(4)
    .sends("ACK 4")
    .at(75)
    .gets("DATA 1")
    .gets("DATA 2")
    .gets("DATA 3")
    .sendsNothing()
    .gets("DATA 4")
    .sends("ACK 4");
});

test("a peer that repeats its window block by block is not disturbed by the timer", () => {
  windowReceiver(8)
    .gets("DATA 1")
    .gets("DATA 2")
    .gets("DATA 3")
    .gets("DATA 8")
    .stored(3)
    .sends("ACK 3")
    .waitsUntil(80)
    .at(60)
    .gets("DATA 1")
    .at(120)
    .gets("DATA 2")
    .at(180)
    .sendsNothing();
});

test("known blocks hold the timer back for a plain timeout at most", () => {
  const talk = windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 2")
    .gets("DATA 4")
    .stored(2)
    .sends("ACK 2");
  for (let now = 50; now < 1000; now += 50) talk.at(now).gets("DATA 1").sendsNothing();
  talk.at(1000).sends("ACK 2");
});

test("the last ACK is repeated while the Receiver stays, and then no more", () => {
  plainReceiver()
    .at(10)
    .gets("DATA 1 (5)")
    .stored(1)
    .sends("ACK 1")
    .succeeds()
    .waitsUntil(2010)
    .at(1010)
    .gets("DATA 1 (5)")
    .hands(0)
    .sends("ACK 1")
    .waitsUntil(2010)
    .at(2009)
    .gets("DATA 1 (5)")
    .sends("ACK 1")
    .at(2010)
    .waitsUntil(undefined);
});

test("a repeated OACK is answered by ACK 0 again", () => {
  clientReceiver({ blksize: 1428 })
    .sends("RRQ f octet blksize=1428")
    .gets("OACK blksize=1428")
    .sends("ACK 0")
    .at(1)
    .gets("OACK blksize=1428")
    .sendsNothing()
    .at(900)
    .gets("OACK blksize=1428")
    .sends("ACK 0");
});

test("a client that nobody answers asks again a finite number of times", () => {
  clientReceiver({})
    .sends("RRQ f octet")
    .at(1000)
    .sends("RRQ f octet")
    .at(3000)
    .sends("RRQ f octet")
    .at(7000)
    .sends("RRQ f octet")
    .at(15_000)
    .sendsNothing()
    .fails("TIMED_OUT");
});

test("a lost DATA makes the last ACK go out again", () => {
  plainReceiver()
    .at(20)
    .gets("DATA 1")
    .stored(1)
    .sends("ACK 1")
    .waitsUntil(120)
    .at(120)
    .sends("ACK 1");
});

test("a repeated request repeats the opening, but not at once", () => {
  windowReceiver(4)
    .at(1)
    .getsRequestAgain()
    .getsRequestAgain()
    .sendsNothing()
    .at(500)
    .getsRequestAgain()
    .sends("OACK windowsize=4");
});

test("a client that only asks to write gets three copies of the opening", () => {
  const talk = plainReceiver({ unprovenMax: 3 });
  for (const at of [1000, 3000]) talk.at(at).sends("ACK 0");
  talk.at(7000).sendsNothing().at(8000).getsRequestAgain().sends("ACK 0");
  talk.gets("DATA 1").stored(1).sends("ACK 1");
});

test("a repeated request after DATA 1 is ignored", () => {
  plainReceiver().gets("DATA 1").stored(1).sends("ACK 1").at(60).getsRequestAgain().sendsNothing();
});

test("where no block was overtaken, a gap is reported at once", () => {
  windowReceiver(4)
    .at(20)
    .gets("DATA 1")
    .gets("DATA 3")
    .gets("DATA 4")
    .stored(1)
    .sends("ACK 1")
    .at(40)
    .gets("DATA 2")
    .gets("DATA 3")
    .gets("DATA 4")
    .gets("DATA 5")
    .stored(5)
    .sends("ACK 5")
    .at(60)
    .gets("DATA 6")
    .gets("DATA 7")
    .gets("DATA 9")
    .stored(7)
    .sends("ACK 7");
});

test("what answers a repeated ACK tells no round trip", () => {
  const talk = plainReceiver().at(1000).sends("ACK 0").at(1001).gets("DATA 1").stored(1);
  assert.equal(talk.machine.roundTripMillis, undefined);
  talk.sends("ACK 1").at(1031).gets("DATA 2");
  assert.equal(talk.machine.roundTripMillis, 30);
});

test("no timer runs while what a silence gave reason to say cannot be sent yet", () => {
  const talk = windowReceiver(4).at(5).gets("DATA 1").stored(1).at(25).sends("ACK 1");
  talk.at(30).gets("DATA 3").waitsUntil(50).at(50).waitsUntil(undefined).sends("ACK 1");
});

test("no timer runs while a gap report waits for the own storage", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .waitsUntil(20)
    .gets("DATA 4")
    .waitsUntil(undefined)
    .gets("DATA 2")
    .waitsUntil(undefined)
    .stored(2)
    .sends("ACK 2");
});

for (const [what, packet] of [
  ["DATA that is there", "DATA 1"],
  ["an OACK", "OACK blksize=512"],
  ["the end of a window with a gap", "DATA 5"],
] as const) {
  test(`a peer that only ever repeats ${what} is given up in the end`, () => {
    const talk = clientReceiver({ blksize: 512, windowsize: 4 });
    talk.sends("RRQ f octet blksize=512 windowsize=4").gets("OACK blksize=512 windowsize=4");
    talk.sends("ACK 0").at(10).gets("DATA 1").gets("DATA 4").stored(1).sends("ACK 1").at(100);
    const { machine } = talk;
    let now = 100;
    for (; !machine.outcome && now < 1_000_000; now += 150) {
      talk.at(now).gets(packet);
      while (machine.pollTransmit(now));
    }
    talk.fails("TIMED_OUT");
    assert.ok(now < 60_000, `after ${now} ms`); // a silent one: 2 to 30 seconds
  });
}

test("a slow disk of ours costs the peer no patience", () => {
  const talk = plainReceiver().at(10).gets("DATA 1").sendsNothing();
  talk.at(500_000).stored(1).sends("ACK 1").waitsUntil(500_090).at(500_089).goesOn();
});

test("the last ACK is repeated for twice the timeout, not as long as a client chooses", () => {
  for (const [timeoutSeconds, until] of [
    [3, 6000],
    [255, 20_000],
  ] as const) {
    const talk = clientReceiver({ timeoutSeconds });
    talk.sends(`RRQ f octet timeout=${timeoutSeconds}`).gets(`OACK timeout=${timeoutSeconds}`);
    talk.sends("ACK 0").gets("DATA 1 (short)").stored(1).sends("ACK 1").waitsUntil(until);
  }
});
