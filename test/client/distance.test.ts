// A server that is far away is asked once more, for a larger window.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Answered, widerOffer } from "../../src/client/distance.ts";
import { offerOptions } from "../../src/core/options.ts";
import { get } from "../../src/index.ts";
import { data, error, oack } from "../server/device.ts";
import { Scripted } from "./scripted.ts";

const timeout = 30_000;
const offer = { blksize: 1468, windowsize: 64, tsize: 0 };
const far: Answered = {
  offer,
  asked: offerOptions(offer),
  answer: offerOptions({ ...offer, tsize: 8_000_000 }),
  roundTripMillis: 100,
  receiveBufferBytes: 4_000_000,
};

function widened(change: Partial<Answered>): number | undefined {
  return widerOffer({ ...far, ...change })?.windowsize;
}

test("a window fills a long line, as far as the receive buffer holds it", () => {
  assert.deepEqual(widerOffer(far), { ...offer, windowsize: 1702 });
  assert.equal(widened({ roundTripMillis: 20 }), 340);
  assert.equal(widened({ roundTripMillis: 1000 }), 2724);
  const answer = offerOptions({ ...offer, tsize: 1_000_000 });
  assert.equal(widened({ answer }), 681);
});

test("a window stays as it is where a larger one would gain little", () => {
  assert.equal(widened({ roundTripMillis: 5 }), undefined);
  assert.equal(widened({ receiveBufferBytes: 106_496 }), undefined);
  assert.equal(widened({ answer: offerOptions({ ...offer, tsize: 700_000 }) }), undefined);
  assert.equal(widened({ answer: offerOptions({ blksize: 1468, windowsize: 64 }) }), undefined);
});

test("a server that has limited the window is not asked for more", () => {
  const limited = offerOptions({ blksize: 1468, windowsize: 16, tsize: 8_000_000 });
  assert.equal(widened({ answer: limited }), undefined);
  assert.equal(widened({ answer: offerOptions({ blksize: 1468, tsize: 8_000_000 }) }), undefined);
  const wrong = offerOptions({ blksize: 2000, windowsize: 64, tsize: 8_000_000 });
  assert.equal(widened({ answer: wrong }), undefined);
});

const granted = { blksize: "512", windowsize: "64", tsize: "1000000" };

test("an answer from far away is declined as a probe, and a larger window asked for", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { blksize: 512 }).text();
  const first = await server.asked("rrq");
  await delay(20); // the distance
  await first.send(oack(granted));
  await first.tid.expectError(0);
  const second = await server.asked("rrq");
  assert.ok(Number(second.options.windowsize) >= 128);
  await delay(20);
  await second.send(oack({ ...granted, windowsize: second.options.windowsize as string }));
  await second.tid.expectAck(0);
  await second.send(data(1, "hello"));
  assert.equal(await text, "hello");
});

test("a server that refuses the larger window is asked for the first one again", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { blksize: 512 }).text();
  const first = await server.asked("rrq");
  await delay(20);
  await first.send(oack(granted));
  await first.tid.expectError(0);
  const second = await server.asked("rrq");
  await second.send(error(8, "no such window"));
  const third = await server.asked("rrq");
  assert.equal(third.options.windowsize, "64");
  await delay(20);
  await third.send(oack(granted));
  await third.tid.expectAck(0);
  await third.send(data(1, "hello"));
  assert.equal(await text, "hello");
});

test("a window that the caller fixed is not enlarged", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { blksize: 512, windowsize: 64 }).text();
  const asked = await server.asked("rrq");
  await delay(20);
  await asked.send(oack(granted));
  await asked.tid.expectAck(0);
  await asked.send(data(1, "hello"));
  assert.equal(await text, "hello");
});
