// Which port a transfer is given: shared with others, or its own.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, DatagramSocket, Network } from "../../src/ports.ts";
import { TransferPorts, type Wanted } from "../../src/server/transfer-ports.ts";
import { keptSocket } from "../transfer/fakes.ts";

const asked: Address = { host: "192.0.2.1", port: 69 };

/** Sockets that open when everybody has asked; those that are open now. */
function ports() {
  const open = new Set<DatagramSocket>();
  let last = 50_000;
  let refuses = false;
  const network = {
    async open() {
      const port = ++last;
      await new Promise(setImmediate);
      if (refuses) throw new Error("no port is free");
      const socket = { ...keptSocket(), local: { host: asked.host, port } };
      socket.close = async () => void open.delete(socket);
      open.add(socket);
      return socket;
    },
  } as unknown as Network;
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const refuse = (now: boolean): void => {
    refuses = now;
  };
  return { open, refuse, pool: new TransferPorts(network, random, () => {}) };
}

function reader(port: number, more: Partial<Wanted> = {}, host = "192.0.2.7"): Wanted {
  const peer = { host, port };
  return { peer, read: true, lockStep: true, broadcast: undefined, ...more };
}

test("a crowd that asks at once shares the ports of a few", async () => {
  const { open, pool } = ports();
  const crowd = Array.from({ length: 500 }, (_, at) => pool.open(asked, reader(1000 + at)));
  const sockets = await Promise.all(crowd);
  assert.equal(open.size, 8);
  assert.equal(new Set(sockets.map(({ local }) => local.port)).size, 8);
});

test("clients of one network share a port, and those of others hardly ever have it", async () => {
  const { pool } = ports();
  const portOf = async (host: string): Promise<number> => {
    const socket = await pool.open(asked, reader(2000, {}, host));
    return socket.local.port;
  };
  const used = new Set<number>();
  for (let network = 0; network < 60; network++) {
    for (const [one, other] of [
      [`10.0.${network}.1`, `10.0.${network}.99`],
      [`2001:db8:0:${network}::1`, `2001:db8:0:${network}:211:22ff:fe33:4455`],
    ] as const) {
      const port = await portOf(one);
      assert.equal(await portOf(other), port, one);
      used.add(port);
    }
  }
  assert.ok(used.size > 100, `${used.size} ports`);
});

test("ever new networks open a bounded number of ports, and few stay open", async () => {
  const { open, pool } = ports();
  const sockets = [];
  for (let at = 0; at < 5000; at++) {
    const host = `10.${at >> 8}.${at & 255}.1`;
    sockets.push(await pool.open(asked, reader(2000, {}, host)));
  }
  assert.ok(open.size > 900 && open.size <= 1024, `${open.size} ports`);
  for (const socket of sockets) await socket.close();
  assert.equal(open.size, 16);
});

test("where no port can be opened, one that is open takes one more", async () => {
  const { open, pool, refuse } = ports();
  const first = await pool.open(asked, reader(1));
  refuse(true);
  const second = await pool.open(asked, reader(1, {}, "198.51.100.1"));
  assert.equal(second.local.port, first.local.port);
  assert.equal(open.size, 1);
});

test("a crowd that fills the ports gets more, and they go with it", async () => {
  const { open, pool } = ports();
  const crowd = Array.from({ length: 3000 }, (_, at) => pool.open(asked, reader(1000 + at)));
  const sockets = await Promise.all(crowd);
  assert.ok(open.size >= 47 && open.size <= 60, `${open.size} ports`);
  for (const socket of sockets) await socket.close();
  assert.equal(open.size, 16);
  await pool.close();
  assert.equal(open.size, 0);
});

test("an upload has a port to itself", async () => {
  const { pool } = ports();
  const sockets = [];
  for (let at = 0; at < 40; at++) {
    sockets.push(await pool.open(asked, reader(1000 + at, { read: false })));
  }
  assert.equal(new Set(sockets.map(({ local }) => local.port)).size, 40);
});

test("a peer that comes back from the same port gets another one of ours", async () => {
  const { pool } = ports();
  const before = await pool.open(asked, reader(7));
  await before.close();
  const after = await pool.open(asked, reader(7));
  assert.notEqual(after.local.port, before.local.port);
});

test("a port that cannot be opened fails those who wait for it, and no later one", async () => {
  const { open, pool, refuse } = ports();
  refuse(true);
  const crowd = Array.from({ length: 40 }, (_, at) => pool.open(asked, reader(1000 + at)));
  const settled = await Promise.allSettled(crowd);
  assert.ok(settled.every(({ status }) => status === "rejected"));
  refuse(false);
  await pool.open(asked, reader(1));
  assert.equal(open.size, 1);
});

test("of two requests of one peer that waited for a port, the later one has it", async () => {
  const { open, pool } = ports();
  const [earlier, later] = await Promise.all([
    pool.open(asked, reader(1)),
    pool.open(asked, reader(1)),
  ]);
  const heard: string[] = [];
  later.onDatagram = (datagram) => heard.push(Buffer.from(datagram).toString("hex"));
  await earlier.close();
  const [shared] = open;
  shared?.onDatagram(Uint8Array.of(0, 4, 0, 1), reader(1).peer);
  assert.deepEqual(heard, ["00040001"]);
});
