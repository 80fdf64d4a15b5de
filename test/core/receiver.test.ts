// The side that receives DATA, as dialogues with a peer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clientReceiver, plainReceiver, windowReceiver } from "./conversation.ts";

test("in lock-step each block is acknowledged when it is stored", () => {
  plainReceiver()
    .gets("DATA 1")
    .hands(1)
    .sendsNothing()
    .stored(1)
    .sends("ACK 1")
    .gets("DATA 2 (100)")
    .stored(2)
    .sends("ACK 2")
    .succeeds();
});

test("an ACK comes only at the window's end", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 2")
    .gets("DATA 3")
    .stored(3)
    .sendsNothing()
    .gets("DATA 4")
    .stored(4)
    .sends("ACK 4");
});

test("the last block ends its window early", () => {
  windowReceiver(4).gets("DATA 1").gets("DATA 2 (0)").stored(2).sends("ACK 2").succeeds();
});

test("an empty file is one empty block", () => {
  plainReceiver().gets("DATA 1 (0)").hands(1).stored(1).sends("ACK 1").succeeds();
});

test("the final ACK waits for commit", () => {
  plainReceiver()
    .gets("DATA 1 (5)")
    .hands(1)
    .sendsNothing()
    .goesOn()
    .waitsUntil(undefined)
    .at(3000)
    .gets("DATA 1 (5)")
    .hands(0)
    .sendsNothing()
    .goesOn()
    .stored(1)
    .sends("ACK 1")
    .succeeds();
});

test("a gap is reported at the window's end, and early blocks are kept", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 3")
    .hands(0)
    .stored(1)
    .sendsNothing()
    .gets("DATA 4")
    .sends("ACK 1")
    .gets("DATA 2")
    .hands(3)
    .gets("DATA 3")
    .hands(0)
    .gets("DATA 4")
    .gets("DATA 5")
    .stored(5)
    .sends("ACK 5");
});

test("a gap before the last block is reported when the last block comes", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 3 (7)")
    .stored(1)
    .sends("ACK 1")
    .gets("DATA 2")
    .hands(2)
    .stored(3)
    .sends("ACK 3")
    .succeeds();
});

test("a gap that is filled before it is reported is not reported", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 3")
    .gets("DATA 4")
    .gets("DATA 2")
    .hands(3)
    .stored(1)
    .sendsNothing()
    .stored(4)
    .sends("ACK 4");
});

test("the window's end that comes again reports what is still missing", () => {
  windowReceiver(4)
    .gets("DATA 2")
    .gets("DATA 3")
    .gets("DATA 4")
    .sends("ACK 0")
    .at(50)
    .gets("DATA 2")
    .gets("DATA 3")
    .sendsNothing()
    .gets("DATA 4")
    .sends("ACK 0");
});

test("DATA longer than agreed is refused with ERROR 4", () => {
  plainReceiver()
    .gets("DATA 1 (513)")
    .hands(0)
    .sends("ERROR 4 DATA longer than 512 bytes")
    .sendsNothing()
    .fails("ILLEGAL_OPERATION");
});

test("a client that gets DATA 1 instead of an OACK uses no options", () => {
  clientReceiver({ blksize: 1428, windowsize: 8 })
    .sends("RRQ f octet blksize=1428 windowsize=8")
    .gets("DATA 1 (512)")
    .hands(1)
    .stored(1)
    .sends("ACK 1")
    .gets("DATA 2 (100)")
    .stored(2)
    .sends("ACK 2")
    .succeeds();
});

test("a client that gets another block first waits for its answer", () => {
  clientReceiver({}).sends("RRQ f octet").gets("DATA 2").hands(0).sendsNothing().goesOn();
});

test("a client acknowledges the OACK and uses what it says", () => {
  clientReceiver({ blksize: 1428, windowsize: 8 })
    .sends("RRQ f octet blksize=1428 windowsize=8")
    .gets("OACK blksize=1024 windowsize=2")
    .sends("ACK 0")
    .gets("DATA 1 (1024)")
    .gets("DATA 2 (1024)")
    .stored(2)
    .sends("ACK 2");
});

test("an OACK with what was not asked for is refused with ERROR 8", () => {
  clientReceiver({ blksize: 1428 })
    .sends("RRQ f octet blksize=1428")
    .gets("OACK windowsize=4")
    .sends("ERROR 8 the server answered windowsize, which was not asked for")
    .sendsNothing()
    .fails("OPTIONS_REFUSED");
});

test("an OACK to a server means nothing", () => {
  plainReceiver().at(500).gets("OACK blksize=8").sendsNothing().goesOn();
});

test("an ERROR ends the transfer and is not answered", () => {
  clientReceiver({})
    .sends("RRQ f octet")
    .gets("ERROR 1 no such file")
    .sendsNothing()
    .fails("FILE_NOT_FOUND")
    .waitsUntil(undefined);
});

test("an ERROR after every block is here undoes nothing", () => {
  plainReceiver()
    .gets("DATA 1 (5)")
    .gets("ERROR 0 closed")
    .goesOn()
    .stored(1)
    .sends("ACK 1")
    .succeeds();
});

test("a file that cannot be stored is no answer to an ERROR", () => {
  plainReceiver()
    .gets("DATA 1 (5)")
    .gets("ERROR 0 closed")
    .aborts("DISK_FULL", "disk full")
    .sendsNothing()
    .fails("DISK_FULL");
});

test("an ERROR that waits to go out stays when the peer's own comes first", () => {
  for (const length of [512, 5]) {
    plainReceiver()
      .gets(`DATA 1 (${length})`)
      .aborts("DISK_FULL", "disk full")
      .gets("ERROR 0 closed")
      .sendsNothing()
      .fails("DISK_FULL");
  }
});

test("an abort sends one ERROR", () => {
  plainReceiver()
    .gets("DATA 1")
    .aborts("DISK_FULL", "disk full")
    .aborts("STORAGE", "again")
    .sends("ERROR 3 disk full")
    .sendsNothing()
    .fails("DISK_FULL");
});

test("a client that nobody answered aborts without a word", () => {
  clientReceiver({})
    .sends("RRQ f octet")
    .aborts("ABORTED", "cancelled")
    .sendsNothing()
    .fails("ABORTED");
});

test("lock-step follows a peer that rolls over to 0 or to 1", () => {
  for (const wire of [0, 1] as const) {
    const talk = plainReceiver();
    for (let block = 1; block <= 65535; block++) {
      talk.gets(`DATA ${block}`).stored(block).sends(`ACK ${block}`);
    }
    talk.gets(`DATA ${wire}`).hands(1).stored(65536).sends(`ACK ${wire}`);
    talk
      .gets(`DATA ${wire + 1} (5)`)
      .hands(1)
      .stored(65537)
      .sends(`ACK ${wire + 1}`)
      .succeeds();
  }
});

test("windows run across the roll-over, to 0 and to 1", () => {
  for (const rollover of [0, 1] as const) {
    for (const windowsize of [4, 64]) {
      const talk = windowReceiver(windowsize, rollover);
      const wire = (block: number) =>
        block <= 65535 ? block : block - (rollover === 0 ? 65536 : 65535);
      for (let block = 1; block < 65538; block++) {
        talk
          .gets(`DATA ${wire(block)}`)
          .hands(1)
          .stored(block);
        if (block % windowsize === 0) talk.sends(`ACK ${wire(block)}`);
      }
      talk
        .gets(`DATA ${wire(65538)} (5)`)
        .stored(65538)
        .sends(`ACK ${wire(65538)}`)
        .succeeds();
      assert.equal(talk.machine.received, 65538);
    }
  }
});

test("statistics count what was sent, sent again and repeated by the peer", () => {
  const { stats } = plainReceiver()
    .gets("DATA 1")
    .stored(1)
    .sends("ACK 1")
    .at(500)
    .gets("DATA 1")
    .sends("ACK 1")
    .gets("DATA 2 (0)").machine;
  assert.deepEqual(stats, { sent: 3, resent: 1, received: 3, duplicates: 1 });
});

test("a gap report names what is stored when it goes out", () => {
  windowReceiver(4)
    .gets("DATA 1")
    .gets("DATA 4")
    .sendsNothing()
    .gets("DATA 2")
    .stored(2)
    .sends("ACK 2");
});

test("a block beyond the last one is ignored", () => {
  windowReceiver(3)
    .gets("DATA 1")
    .stored(1)
    .gets("DATA 3 (5)")
    .sends("ACK 1")
    .gets("DATA 4")
    .hands(0)
    .sendsNothing()
    .gets("DATA 2")
    .hands(2);
});
