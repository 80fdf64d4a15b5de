// A client that asks again from the port of its last transfer, whose last ACK is still unread.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, DatagramSocket, Network } from "../../src/ports.ts";
import type { ServerEvent } from "../../src/server/events.ts";
import { completeLimits } from "../../src/server/limits.ts";
import { allowAll } from "../../src/server/policy.ts";
import { TftpServer } from "../../src/server/server.ts";
import { memory } from "../../src/storage/memory.ts";
import { HandClock, type KeptSocket, keptSocket } from "../transfer/fakes.ts";
import { ack, rrq } from "./device.ts";

const client: Address = { host: "192.0.2.7", port: 2070 };

test("a request that overtakes the last ACK of the same file's transfer is answered", async () => {
  const { clock, listening, transfers, events } = served();
  listening.onDatagram(rrq("boot"), client);
  await settled();
  listening.onDatagram(rrq("boot"), client);
  transfers[0]?.onDatagram(ack(1), client);
  for (let turns = 0; turns < 2; turns++) clock.turn();
  await settled();
  const begun = events.filter(({ kind }) => kind === "started");
  assert.equal(begun.length, 2);
  assert.equal(transfers.at(-1)?.sent.at(-1)?.[0].toString("latin1"), "\0\x03\0\x01content");
});

test("a request that comes twice while its only block is unanswered begins nothing", async () => {
  const { clock, listening, events } = served();
  listening.onDatagram(rrq("boot"), client);
  await settled();
  listening.onDatagram(rrq("boot"), client);
  for (let turns = 0; turns < 2; turns++) clock.turn();
  await settled();
  assert.equal(events.filter(({ kind }) => kind === "started").length, 1);
});

function served() {
  const clock = new HandClock();
  const transfers: KeptSocket[] = [];
  const network = {
    async open(local: Address): Promise<DatagramSocket> {
      const socket = { ...keptSocket(), local: { ...local, port: 50_000 + transfers.length } };
      transfers.push(socket);
      return socket;
    },
    mtu: async () => 1500,
  } as unknown as Network;
  const listening = keptSocket();
  const events: ServerEvent[] = [];
  const storage = memory({ boot: "content" });
  const server = new TftpServer({
    ...{ storage, network, clock, judge: allowAll, limits: completeLimits() },
    ...{ random: () => 0.5, fragments: () => true, onEvent: (event) => void events.push(event) },
  });
  server.listen(listening);
  return { clock, listening, transfers, events };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
}
