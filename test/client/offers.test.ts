// What a client offers, from the caller's wishes and what the path holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { offersFor, type Path, smallerOffer } from "../../src/client/offers.ts";

const ethernet: Path = { mtu: 1500, ipv6: false, receiveBufferBytes: 106_496 };
const loopback: Path = { ...ethernet, mtu: 65_536 };

test("a block fills the packets of the path, and a window the receive buffer", () => {
  assert.deepEqual(offersFor({}, ethernet, 0)[0], { blksize: 1468, windowsize: 64, tsize: 0 });
  const overIpv6 = offersFor({}, { ...ethernet, ipv6: true }, 0)[0];
  assert.deepEqual(overIpv6, { blksize: 1448, windowsize: 64, tsize: 0 });
  assert.deepEqual(offersFor({}, loopback, 0)[0], { blksize: 65_464, windowsize: 1, tsize: 0 });
  const narrow = offersFor({}, { ...ethernet, mtu: 576 }, 0)[0];
  assert.deepEqual(narrow, { blksize: 544, windowsize: 64, tsize: 0 });
  assert.equal(offersFor({}, { ...ethernet, mtu: 68 }, 0)[0]?.blksize, 512);
});

test("a window that is fixed bounds the block where packets are huge", () => {
  assert.equal(offersFor({ windowsize: 8 }, loopback, 0)[0]?.blksize, 13_312);
  assert.equal(offersFor({ windowsize: 8 }, ethernet, 0)[0]?.blksize, 1468);
  assert.equal(offersFor({ windowsize: 1000 }, ethernet, 0)[0]?.blksize, 1468);
  assert.equal(offersFor({ windowsize: 1000 }, loopback, 0)[0]?.blksize, 1468);
});

test("a block that is fixed bounds the window", () => {
  assert.equal(offersFor({ blksize: 8192 }, ethernet, 0)[0]?.windowsize, 13);
  assert.equal(offersFor({ blksize: 8 }, ethernet, 0)[0]?.windowsize, 64);
});

test("what is offered next is only what the caller fixed", () => {
  assert.deepEqual(offersFor({}, ethernet, 0)[1], undefined);
  assert.deepEqual(offersFor({ blksize: 600 }, ethernet, 0)[1], { blksize: 600 });
  const fixed = offersFor({ blksize: 600, windowsize: 2 }, ethernet, 9);
  assert.deepEqual(fixed, [{ blksize: 600, windowsize: 2, tsize: 9 }]);
  assert.deepEqual(offersFor({ plain: true, blksize: 600 }, ethernet, 9), [undefined]);
});

test("only whole seconds are negotiated, and only a known size is told", () => {
  const offers = offersFor({ timeoutMillis: 2000 }, ethernet, undefined);
  assert.equal(offers[0]?.timeoutSeconds, 2);
  assert.equal(offers[0] && "tsize" in offers[0], false);
  assert.equal(offersFor({ timeoutMillis: 1500 }, ethernet, 0)[0]?.timeoutSeconds, undefined);
});

test("where no block came through, ever smaller ones are offered, but not against a wish", () => {
  const offer = { blksize: 1468, windowsize: 64, tsize: 0 };
  assert.deepEqual(smallerOffer(offer, 1468, {}), { ...offer, blksize: 1024 });
  assert.deepEqual(smallerOffer(offer, 1024, {}), { ...offer, blksize: 512 });
  assert.equal(smallerOffer(offer, 512, {}), undefined);
  assert.equal(smallerOffer(offer, 1468, { blksize: 1468 }), undefined);
  assert.equal(smallerOffer(undefined, 1468, {}), undefined);
});
