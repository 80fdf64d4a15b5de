// The word that a client leaves where no block of its transfer came through, before it tries
// smaller ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { attempt, Unmoved } from "../../src/client/attempt.ts";
import { decode } from "../../src/core/packet.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { error, oack } from "../server/device.ts";
import { HandClock, keptSocket, networkOf } from "../transfer/fakes.ts";

const server = { host: "192.0.2.9", port: 4000 };

/** An upload that is given up while its socket is full; `last` is what the server says then. */
async function giveUp(last?: Uint8Array): Promise<string[]> {
  const clock = new HandClock();
  const socket = { ...keptSocket(), writable: true };
  const network = networkOf(socket);
  const settled = () => new Promise((soon) => setImmediate(soon));
  const ended = attempt(
    { clock, network, random: () => 0 },
    {
      server: { ...server, port: 69 },
      target: { ...server, port: 69, filename: "f", mode: "octet" },
      cargo: { op: "wrq", source: bytesSource(Buffer.alloc(3000)) },
      options: {},
      offer: { blksize: 1468 },
      attempts: 0,
    },
  ).catch((thrown: unknown) => thrown);
  await settled();
  socket.onDatagram(oack({ blksize: 1468 }), server);
  await settled();
  socket.writable = false;
  clock.advanceTo(1000); // it has given up, and waits for room
  if (last) socket.onDatagram(last, server);
  socket.writable = true;
  socket.onWritable();
  assert.ok((await ended) instanceof Unmoved);
  return socket.sent.map(([datagram]) => decode(datagram).op);
}

test("a server hears that its blocks do not come through", async () => {
  assert.deepEqual(await giveUp(), ["wrq", "data", "error"]);
});

test("a server that has sent an ERROR meanwhile hears nothing more", async () => {
  assert.deepEqual(await giveUp(error(0)), ["wrq", "data"]);
});
