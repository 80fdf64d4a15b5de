// Who the other end is: adopted with its first answer, told from strangers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../src/core/packet.ts";
import { Peer } from "../../src/transfer/peer.ts";
import { ack, data, error, oack, rrq } from "../server/device.ts";
import { keptSocket } from "./fakes.ts";

const server = { host: "192.0.2.9", port: 69 };
const tid = { host: "192.0.2.9", port: 5000 };
const other = { host: "192.0.2.66", port: 5000 };

test("the first answer from the host tells its port, and no later one", () => {
  for (const answer of [data(1, "x"), ack(0), oack({ tsize: 1 }), error(1)]) {
    const socket = keptSocket();
    const peer = new Peer(server, { adopts: true });
    assert.ok(peer.admit(answer, tid, socket, 0));
    assert.deepEqual(peer.address, tid);
    assert.equal(peer.admit(answer, { ...tid, port: 5001 }, socket, 0), undefined);
    assert.deepEqual(peer.address, tid);
  }
});

test("a request or garbage is no answer", () => {
  const socket = keptSocket();
  const peer = new Peer(server, { adopts: true });
  for (const datagram of [rrq("x"), Buffer.from("garbage"), new Uint8Array()]) {
    assert.equal(peer.admit(datagram, tid, socket, 0), undefined);
  }
  assert.deepEqual(peer.address, server);
  assert.ok(peer.admit(data(1, "x"), tid, socket, 0));
});

test("an answer from another host is not adopted, but remembered", () => {
  const socket = keptSocket();
  const peer = new Peer(server, { adopts: true });
  assert.equal(peer.stranger, undefined);
  assert.equal(peer.admit(data(1, "x"), other, socket, 0), undefined);
  assert.deepEqual(peer.stranger, other);
  assert.deepEqual(peer.address, server);
});

test("a peer that is known from the start is not replaced", () => {
  const socket = keptSocket();
  const peer = new Peer(tid, { adopts: false });
  assert.equal(peer.admit(ack(0), { ...tid, port: 5001 }, socket, 0), undefined);
  assert.ok(peer.admit(ack(0), tid, socket, 0));
  assert.equal(peer.admit(ack(0), other, socket, 0), undefined);
});

test("strangers hear ERROR 5, once a second", () => {
  const socket = keptSocket();
  const peer = new Peer(tid, { adopts: false });
  for (const now of [0, 1, 999, 1000, 1500, 2000]) peer.admit(ack(0), other, socket, now);
  assert.equal(socket.sent.length, 3);
  for (const [datagram, to] of socket.sent) {
    const packet = decode(datagram);
    assert.ok(packet.op === "error" && packet.code === 5);
    assert.deepEqual(to, other);
  }
});

test("a stranger's ERROR is not answered and does not use up the answer", () => {
  const socket = keptSocket();
  const peer = new Peer(tid, { adopts: false });
  assert.equal(peer.admit(error(0), other, socket, 0), undefined);
  assert.deepEqual(socket.sent, []);
  peer.admit(ack(0), other, socket, 1);
  assert.equal(socket.sent.length, 1);
});
