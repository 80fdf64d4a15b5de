// Listening sockets on their way from one process to the next: what is heard, sent and closed when.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "../../src/core/run.ts";
import { HandedOver } from "../../src/net/handed-over.ts";
import type { Link, LinkMessage } from "../../src/net/link.ts";
import { MovableSockets } from "../../src/net/movable.ts";
import { nodeNetwork } from "../../src/net/node-network.ts";
import type { Address, DatagramSocket, Network } from "../../src/ports.ts";

const local = { host: "192.0.2.1", port: 69 };
const client = { host: "192.0.2.7", port: 1024 };
const other = { host: "192.0.2.8", port: 1024 };
const bytes = Uint8Array.of(0, 4, 0, 1);
const at = "192.0.2.1 69";
const send = { kind: "send", at, run: bytes, segmentSize: 4, to: client } as const;

test("nothing is read before the old process lets go, then all but what is its own", async () => {
  const { link, sockets, handedOver, opened } = successor();
  const socket = await sockets.network.open(local);
  const heard: Address[] = [];
  socket.onDatagram = (_datagram, from) => heard.push(from);
  const begun = handedOver.begin();
  assert.deepEqual(link.sent, [{ kind: "ready" }]);
  assert.equal(opened.length, 0);
  // It may have something to say before there is anything to say it by.
  link.onMessage(send);
  link.onMessage({ kind: "yours", peers: ["192.0.2.7 1024"], bound: true });
  link.onMessage(send);
  await begun;
  const [own] = opened as [Fake];
  assert.deepEqual(own.sent, [client, client]);
  own.onDatagram(bytes, client);
  own.onDatagram(bytes, other);
  assert.deepEqual(heard, [other]);
  assert.deepEqual(link.sent.slice(1), [{ kind: "heard", at, datagram: bytes, from: client }]);
});

test("who is given back is the old process's no more", async () => {
  const { link, sockets, handedOver, opened } = successor();
  const socket = await sockets.network.open(local);
  const heard: Address[] = [];
  socket.onDatagram = (_datagram, from) => heard.push(from);
  const begun = handedOver.begin();
  link.onMessage({ kind: "yours", peers: ["192.0.2.7 1024"], bound: true });
  await begun;
  link.onMessage({ kind: "heard", at, datagram: bytes, from: client });
  opened[0]?.onDatagram(bytes, client);
  assert.deepEqual(heard, [client, client]);
  assert.equal(link.sent.length, 1);
});

test("a socket that nobody wants stays for the old process, and no longer", async () => {
  const { link, handedOver, opened } = successor();
  const begun = handedOver.begin();
  link.onMessage({ kind: "yours", peers: ["192.0.2.7 1024"], bound: true });
  await begun;
  const [kept] = opened as [Fake];
  kept.onDatagram(bytes, client);
  kept.onDatagram(bytes, other);
  link.onMessage(send);
  assert.deepEqual(link.sent.slice(1), [{ kind: "heard", at, datagram: bytes, from: client }]);
  assert.deepEqual(kept.sent, [client]);
  assert.equal(kept.isClosed, false);
  const ended = handedOver.end(1000);
  assert.deepEqual(link.sent.at(-1), { kind: "end", graceMillis: 1000 });
  link.onClosed();
  await ended;
  assert.equal(kept.isClosed, true);
});

test("the sockets are read where the old process dies instead of answering", async () => {
  const { link, sockets, handedOver, opened } = successor();
  await sockets.network.open(local);
  const begun = handedOver.begin();
  link.onClosed();
  await begun;
  assert.equal(opened.length, 1);
  await handedOver.end(1000);
});

test("who has moved speaks and hears by way of the next process, and is still seen", async () => {
  const seen: string[] = [];
  const sight = {
    sent: (_run: Run, from: Address) => seen.push(`sent ${from.host}`),
    received: (_datagram: Uint8Array, to: Address) => seen.push(`received ${to.host}`),
  };
  const opened: Fake[] = [];
  const sockets = new MovableSockets(networkOf(opened), undefined, sight);
  const socket = await sockets.network.open(local);
  const heard: Address[] = [];
  socket.onDatagram = (_datagram, from) => heard.push(from);
  const link = new FakeLink();
  let ended: number | undefined;
  sockets.moveTo(link, (graceMillis) => {
    ended = graceMillis;
  });
  const [own] = opened as [Fake];
  own.onDatagram(bytes, other);
  await socket.close();
  socket.send(Run.of(bytes, 4), client);
  link.onMessage({ kind: "heard", at, datagram: bytes, from: client });
  link.onMessage({ kind: "end", graceMillis: 7 });
  assert.equal(own.isClosed, true);
  assert.deepEqual(own.sent, []);
  assert.deepEqual(link.sent, [send]);
  assert.deepEqual(heard, [other, client]);
  assert.deepEqual(seen, ["sent 192.0.2.1", "received 192.0.2.1"]);
  assert.equal(ended, 7);
  let writable = 0;
  socket.onWritable = () => {
    writable += 1;
  };
  link.writable = false;
  assert.equal(socket.writable, false);
  link.onWritable();
  assert.equal(writable, 1);
});

test("a socket that has moved still tells what its buffer holds", async () => {
  const sockets = new MovableSockets(nodeNetwork);
  const socket = await sockets.network.open({ host: "127.0.0.1", port: 0 });
  const { receiveBufferBytes } = socket;
  sockets.moveTo(new FakeLink(), () => {});
  await socket.close();
  assert.equal(socket.receiveBufferBytes, receiveBufferBytes);
});

test("who waited for room in a socket that has moved need not wait any more", async () => {
  const opened: Fake[] = [];
  const sockets = new MovableSockets(networkOf(opened));
  const socket = await sockets.network.open(local);
  const [own] = opened as [Fake];
  own.writable = false;
  const told: boolean[] = [];
  socket.onWritable = () => void told.push(socket.writable);
  sockets.moveTo(new FakeLink(), () => {});
  assert.deepEqual(told, [true]);
});

class FakeLink implements Link {
  readonly sent: LinkMessage[] = [];
  writable = true;
  onMessage: Link["onMessage"] = () => {};
  onWritable: () => void = () => {};
  onClosed: () => void = () => {};

  send(message: LinkMessage): void {
    this.sent.push(message);
  }
}

class Fake implements DatagramSocket {
  readonly local: Address = local;
  readonly maxSegments = 1;
  readonly receiveBufferBytes = 65_536;
  writable = true;
  readonly sent: Address[] = [];
  isClosed = false;
  onDatagram: DatagramSocket["onDatagram"] = () => {};
  onWritable: () => void = () => {};
  onError: DatagramSocket["onError"] = () => {};

  send(_run: Run, to: Address): void {
    this.sent.push(to);
  }

  joinReceived(): void {}

  async close(): Promise<void> {
    this.isClosed = true;
  }

  unref(): void {}
}

function networkOf(opened: Fake[]): Network {
  const none = (): Promise<never> => Promise.reject(new Error("not here"));
  const open = async (): Promise<DatagramSocket> => {
    const socket = new Fake();
    opened.push(socket);
    return socket;
  };
  return { open, resolve: none, route: none, mtu: none };
}

/** A process to which one socket is handed over. */
function successor() {
  const link = new FakeLink();
  const handedOver = new HandedOver([{ host: local.host, local, fd: 5 }], link);
  const opened: Fake[] = [];
  const sockets = new MovableSockets(networkOf(opened), handedOver);
  return { link, handedOver, opened, sockets };
}
