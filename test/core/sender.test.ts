// The side that sends DATA, as dialogues with a peer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serveRead } from "../../src/core/request.ts";
import {
  agreed,
  clientSender,
  conversation,
  openedSender,
  options,
  patience,
  plainSender,
  windowSender,
} from "./conversation.ts";

test("in lock-step each block waits for the ACK of the one before", () => {
  plainSender()
    .supply(2)
    .sends("DATA 1")
    .gets("ACK 1")
    .supply(3, 3)
    .sends("DATA 2")
    .sendsNothing()
    .gets("ACK 2")
    .sends("DATA 3")
    .goesOn()
    .gets("ACK 3")
    .sendsNothing()
    .succeeds()
    .waitsUntil(undefined);
});

test("a server with options sends its OACK first, and DATA after ACK 0", () => {
  windowSender(4)
    .supply(8)
    .sends("OACK windowsize=4")
    .sendsNothing()
    .gets("ACK 0")
    .sends("DATA 1..4")
    .gets("ACK 4")
    .sends("DATA 5..8");
});

test("a duplicate ACK sends nothing in lock-step", () => {
  plainSender()
    .supply(3)
    .sends("DATA 1")
    .gets("ACK 1")
    .sends("DATA 2")
    .at(50)
    .gets("ACK 1")
    .gets("ACK 1")
    .sendsNothing();
});

test("a repeated ACK rewinds a window once until there is progress", () => {
  openedSender(4, 12)
    .sends("DATA 1..4")
    .at(10)
    .gets("ACK 0")
    .sends("DATA 1..4")
    .at(20)
    .gets("ACK 0")
    .sendsNothing()
    .at(30)
    .gets("ACK 4")
    .sends("DATA 5..8")
    .at(40)
    .gets("ACK 4")
    .sends("DATA 5..8");
});

test("a partial ACK slides the window at once", () => {
  openedSender(4, 12).sends("DATA 1..4").at(20).gets("ACK 2").sends("DATA 3..6");
});

test("an ACK of the future or of the past is noise", () => {
  openedSender(4, 12)
    .sends("DATA 1..4")
    .at(20)
    .gets("ACK 4")
    .sends("DATA 5..8")
    .at(50)
    .gets("ACK 9")
    .gets("ACK 65535")
    .gets("ACK 3")
    .sendsNothing()
    .goesOn();
});

test("an empty file is one empty block", () => {
  plainSender().supply(1, 1).sends("DATA 1").gets("ACK 1").succeeds();
});

test("the window ends with the last block", () => {
  openedSender(4, 6, 6)
    .sends("DATA 1..4")
    .gets("ACK 4")
    .sends("DATA 5..6")
    .gets("ACK 6")
    .succeeds();
});

test("a transfer of exactly one window ends with its ACK", () => {
  openedSender(4, 4, 4).sends("DATA 1..4").gets("ACK 4").sendsNothing().succeeds();
});

test("block numbers roll over to 0, and to 1 where that is agreed", () => {
  for (const [rollover, first, next] of [
    [0, "DATA 0", "ACK 0"],
    [1, "DATA 1", "ACK 1"],
  ] as const) {
    const talk = conversation(serveRead(options(""), agreed({ rollover }), patience));
    talk.supply(70000);
    for (let block = 1; block <= 65535; block++) talk.sends(`DATA ${block}`).gets(`ACK ${block}`);
    talk.sends(first).gets(next).supply(65537, 65537);
    const last = rollover === 0 ? 1 : 2;
    talk.sends(`DATA ${last}`).gets(`ACK ${last}`).succeeds();
    assert.equal(talk.machine.acked, 65537);
  }
});

test("a client whose request is answered by ACK 0 uses no options", () => {
  clientSender({ blksize: 1428, windowsize: 8 })
    .sends("WRQ f octet blksize=1428 windowsize=8")
    .gets("ACK 0")
    .supply(8)
    .sends("DATA 1")
    .gets("ACK 1")
    .sends("DATA 2");
});

test("a client uses what the OACK says", () => {
  const talk = clientSender({ blksize: 1428, windowsize: 8 })
    .sends("WRQ f octet blksize=1428 windowsize=8")
    .gets("OACK blksize=1024 windowsize=2")
    .supply(8)
    .sends("DATA 1..2");
  assert.equal(talk.machine.agreed.blksize, 1024);
});

test("a client wants no blocks before it knows their size", () => {
  const talk = clientSender({ blksize: 1428 }).sends("WRQ f octet blksize=1428");
  assert.equal(talk.machine.wanted, 0);
  talk.gets("OACK blksize=1024");
  assert.equal(talk.machine.wanted, 2);
});

test("an OACK with what was not asked for is refused with ERROR 8", () => {
  clientSender({ blksize: 1428 })
    .sends("WRQ f octet blksize=1428")
    .gets("OACK blksize=1428 windowsize=4")
    .sends("ERROR 8 the server answered windowsize, which was not asked for")
    .sendsNothing()
    .fails("OPTIONS_REFUSED");
});

test("an OACK with more than was asked for is refused with ERROR 8", () => {
  clientSender({ blksize: 1428 })
    .sends("WRQ f octet blksize=1428")
    .gets("OACK blksize=1429")
    .sends('ERROR 8 the server answered blksize "1429" where 1428 was asked for')
    .fails("OPTIONS_REFUSED");
});

test("an OACK to a server means nothing", () => {
  plainSender().supply(2).sends("DATA 1").gets("OACK blksize=8").sendsNothing().goesOn();
});

test("a repeated OACK repeats nothing in lock-step", () => {
  clientSender({ blksize: 1428 })
    .sends("WRQ f octet blksize=1428")
    .gets("OACK blksize=1428")
    .supply(2)
    .sends("DATA 1")
    .at(50)
    .gets("OACK blksize=1428")
    .sendsNothing();
});

test("an ERROR ends the transfer and is not answered", () => {
  plainSender()
    .supply(2)
    .sends("DATA 1")
    .gets("ERROR 3 disk full")
    .sendsNothing()
    .fails("DISK_FULL")
    .waitsUntil(undefined)
    .at(5000)
    .sendsNothing();
});

test("an abort sends one ERROR", () => {
  plainSender()
    .supply(2)
    .sends("DATA 1")
    .aborts("ABORTED", "cancelled")
    .aborts("STORAGE", "again")
    .sends("ERROR 0 cancelled")
    .sendsNothing()
    .fails("ABORTED");
});

test("an ERROR that waits to go out stays when the peer's own comes first", () => {
  plainSender()
    .supply(2)
    .sends("DATA 1")
    .aborts("ABORTED", "cancelled")
    .gets("ERROR 0 closed")
    .sendsNothing()
    .fails("ABORTED");
});

test("a client that nobody answered aborts without a word", () => {
  clientSender({})
    .sends("WRQ f octet")
    .aborts("ABORTED", "cancelled")
    .sendsNothing()
    .fails("ABORTED");
});

test("demand is one window beyond the window, and just one before the OACK is answered", () => {
  const talk = windowSender(4).sends("OACK windowsize=4");
  assert.equal(talk.machine.wanted, 4);
  talk.supply(4).gets("ACK 0");
  assert.equal(talk.machine.wanted, 8);
  talk.sends("DATA 1..4").supply(8).gets("ACK 4");
  assert.equal(talk.machine.wanted, 12);
  talk.supply(9, 9);
  assert.equal(talk.machine.wanted, 9);
});

test("statistics count what was sent, sent again and repeated by the peer", () => {
  const { stats } = openedSender(4, 4, 4)
    .sends("DATA 1..4")
    .at(20)
    .gets("ACK 2")
    .sends("DATA 3..4")
    .gets("ACK 2")
    .gets("ACK 4").machine;
  assert.deepEqual(stats, { sent: 7, resent: 2, received: 4, duplicates: 1 });
});

test("an ACK of the future does not repeat an OACK that waits for ACK 0", () => {
  windowSender(4).sends("OACK windowsize=4").at(10).gets("ACK 7").sendsNothing();
});

test("an ACK of what went out before a rewind counts, though it has not gone out again", () => {
  openedSender(4, 12).sends("DATA 1..4").at(1000).gets("ACK 4").sends("DATA 5..8");
  windowSender(4).sends("OACK windowsize=4").supply(4).at(1000).gets("ACK 0").sends("DATA 1..4");
});
