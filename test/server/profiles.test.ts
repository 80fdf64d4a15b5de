// The table of clients: who is recognised by which options, and that nobody else is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { offerOptions } from "../../src/core/options.ts";
import type { Options } from "../../src/core/packet.ts";
import { errorCodeFor, pacedFor, recognise } from "../../src/server/profiles.ts";

function asked(text: string): Options {
  return new Map(
    text.split(" ").map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      return [name, { name, value }];
    }),
  );
}

for (const [family, ...requests] of [
  ["ipxe", "blksize=1432 tsize=0"],
  ["pxelinux", "tsize=0 blksize=1408"],
  ["grub", "blksize=1024 tsize=0"],
  ["edk2", "tsize=0 blksize=1468 windowsize=4", "blksize=1468 windowsize=4"],
  [
    "u-boot",
    "timeout=5 blksize=1468",
    "timeout=5 tsize=0 blksize=1468",
    "timeout=5 tsize=0 blksize=1468 windowsize=8",
  ],
  ["windows", "tsize=0 blksize=1456 windowsize=4 msftwindow=31416"],
  ["tftpd32", "blksize=1024 udpport=0"],
  ["slof", "blksize=1428"],
  ["curl", "tsize=0 blksize=512 timeout=6"],
  ["atftp", "blksize=1428 multicast="],
  [undefined, "tsize=0", "tsize=0 blksize=1432", "blksize=1408 tsize=0", "tsize=0 timeout=5"],
] as const) {
  test(`${family ?? "nobody"} is recognised by the order and values of its options`, () => {
    for (const request of requests)
      assert.equal(recognise(asked(request))?.family, family, request);
  });
}

test("our own client and one without options are nobody in particular", () => {
  assert.equal(recognise(new Map()), undefined);
  const offers = [{ tsize: 0, blksize: 1468, windowsize: 64 }, { blksize: 512 }];
  for (const offer of offers) assert.equal(recognise(offerOptions(offer)), undefined);
});

test("U-Boot hears repeats sooner than it asked for, and for as long as others", () => {
  const profile = recognise(asked("timeout=5 blksize=1468"));
  const agreed = { blksize: 1468, windowsize: 1, rollover: 0, exactTimeoutMillis: 5000 } as const;
  const paced = pacedFor(profile, agreed, { timeoutMillis: 1000, attempts: 6, jitter: 0 });
  assert.equal(paced.agreed.exactTimeoutMillis, undefined);
  const { timeoutMillis, longestMillis, attempts } = paced.patience;
  assert.deepEqual([timeoutMillis, longestMillis, attempts], [2000, 2000, 15]);
});

test("only U-Boot hears other ERROR codes than the RFC's", () => {
  assert.equal(errorCodeFor(recognise(asked("timeout=5 blksize=1468")), 3), 2);
  assert.equal(errorCodeFor(recognise(asked("blksize=1432 tsize=0")), 3), 3);
  assert.equal(errorCodeFor(undefined, 6), 6);
});
