// One socket for many transfers: who gets which datagram.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "../../src/core/run.ts";
import type { Address, DatagramSocket } from "../../src/ports.ts";
import { SharedPort } from "../../src/transfer/shared-port.ts";
import { keptSocket } from "./fakes.ts";

const one = { host: "192.0.2.7", port: 4000 };
const other = { host: "192.0.2.7", port: 4001 };
const ack = Uint8Array.of(0, 4, 0, 1);

function opened() {
  const socket = keptSocket();
  const others: Address[] = [];
  const heard: string[] = [];
  let emptied = 0;
  const port = new SharedPort(
    socket,
    (_, from) => void others.push(from),
    () => {
      emptied += 1;
    },
  );
  const place = (name: string, peer: Address): DatagramSocket => {
    const found = port.place(peer);
    found.onDatagram = () => void heard.push(name);
    found.onWritable = () => void heard.push(`${name} writable`);
    found.onError = () => void heard.push(`${name} error`);
    return found;
  };
  return { socket, port, others, heard, place, emptied: () => emptied };
}

test("each peer's datagrams go to its own transfer", () => {
  const { socket, heard, others, place } = opened();
  place("one", one);
  place("other", other);
  socket.onDatagram(ack, { ...other });
  socket.onDatagram(ack, { ...one });
  assert.deepEqual(heard, ["other", "one"]);
  assert.deepEqual(others, []);
});

test("a stranger's datagram and every request go to the opener of the port", () => {
  const { socket, heard, others, place } = opened();
  place("one", one);
  socket.onDatagram(ack, other);
  socket.onDatagram(Uint8Array.of(0, 1, 97, 0), one);
  socket.onDatagram(Uint8Array.of(0, 2), one);
  assert.deepEqual(others, [other, one, one]);
  assert.deepEqual(heard, []);
});

test("what a peer sends after its transfer ended is nobody's, not a stranger's", async () => {
  const { socket, port, heard, others, place } = opened();
  await place("one", one).close();
  socket.onDatagram(ack, one);
  assert.deepEqual([heard, others], [[], []]);
  assert.equal(port.knows(one), true);
  assert.equal(port.knows(other), false);
});

test("a peer that comes back is heard by its new transfer alone", async () => {
  const { socket, heard, place, port } = opened();
  const before = place("before", one);
  place("after", one);
  await before.close();
  socket.onDatagram(ack, one);
  assert.deepEqual(heard, ["before writable", "after"]);
  assert.equal(port.size, 1);
});

test("a peer that begins anew is heard by the new one, though the old one is still there", () => {
  const { socket, heard, place } = opened();
  place("before", one);
  socket.onDatagram(ack, one);
  place("after", one);
  socket.onDatagram(ack, one);
  assert.deepEqual(heard, ["before", "before writable", "after"]);
});

test("the old one does not wait for room to send that nobody would tell it of", () => {
  const { socket, heard, place } = opened();
  const full = Object.assign(socket, { writable: false });
  const before = place("before", one);
  assert.equal(before.writable, false);
  const after = place("after", one);
  assert.deepEqual([heard, before.writable, after.writable], [["before writable"], true, false]);
  before.send(Run.of(ack), one);
  assert.deepEqual(full.sent, [], "its peer would take it for the new one's");
  after.send(Run.of(ack), one);
  assert.equal(full.sent.length, 1);
});

test("the peers that left first are strangers again, in time", async () => {
  const { socket, others, place } = opened();
  await place("one", one).close();
  for (let count = 0; count < 10_000; count++) {
    await place("more", { host: "192.0.2.9", port: count }).close();
  }
  socket.onDatagram(ack, one);
  assert.deepEqual(others, [one]);
});

test("room in the socket is told to all, a failed send to whom it concerns", () => {
  const { socket, heard, place } = opened();
  place("one", one);
  place("other", other);
  socket.onWritable();
  socket.onError(new Error("refused"), one);
  assert.deepEqual(heard, ["one writable", "other writable", "one error"]);
});

test("who has found no room goes first when there is some again", () => {
  const { socket, place } = opened();
  const full = Object.assign(socket, { writable: true });
  const served: number[] = [];
  for (const port of [1, 2, 3]) {
    const own = place(`${port}`, { ...one, port });
    own.onWritable = () => {
      if (!own.writable) return;
      served.push(port);
      full.writable = false;
    };
  }
  for (let round = 0; round < 6; round++) {
    full.writable = true;
    socket.onWritable();
  }
  assert.deepEqual(served, [1, 2, 3, 1, 2, 3]);
});

test("a failed send that concerns no transfer is told to the opener of the port", () => {
  const { socket, port, heard, place } = opened();
  place("one", one);
  const lost: string[] = [];
  port.onError = ({ message }) => void lost.push(message);
  socket.onError(new Error("broken"));
  socket.onError(new Error("refused"), other);
  assert.deepEqual([heard, lost], [[], ["broken", "refused"]]);
});

test("a transfer that ended sends nothing more, and the last one is told", async () => {
  const { socket, place, emptied } = opened();
  const [first, second] = [place("one", one), place("other", other)];
  first.send(Run.of(ack), one);
  await first.close();
  await first.close();
  first.send(Run.of(ack), one);
  assert.equal(socket.sent.length, 1);
  assert.equal(emptied(), 0);
  await second.close();
  assert.equal(emptied(), 1);
});
