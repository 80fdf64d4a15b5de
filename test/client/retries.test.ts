// How often a client repeats itself, by a clock that is set by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "../../src/client/ask.ts";
import { decode } from "../../src/core/packet.ts";
import { data, oack } from "../server/device.ts";
import { HandClock, keptSocket, networkOf } from "../transfer/fakes.ts";

const server = { host: "192.0.2.9", port: 4000 };

test("a packet in the middle is repeated as often as retries says", async () => {
  const clock = new HandClock();
  const socket = keptSocket();
  const network = networkOf(socket);
  const sink = { writev: async () => {}, commit: async () => {}, discard: async () => {} };
  const settled = () => new Promise((soon) => setImmediate(soon));
  const asked = ask(
    { clock, network, random: () => 0 },
    { ...server, port: 69, filename: "f", mode: "octet" },
    { op: "rrq", sink },
    { timeoutMillis: 20, retries: 4 },
  );
  const failed = assert.rejects(asked, { code: "TIMED_OUT" });
  await settled();
  for (const datagram of [oack({ blksize: 512 }), data(1, Buffer.alloc(512))]) {
    socket.onDatagram(datagram, server);
    await settled();
  }
  for (let at = 1; clock.alarms.size > 0; at++) clock.advanceTo(at);
  await failed;
  const sent = socket.sent.map(([datagram]) => decode(datagram).op);
  assert.deepEqual(sent, ["rrq", "ack", ...Array(1 + 4).fill("ack")]);
});
