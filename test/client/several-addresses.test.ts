// A server whose name has several addresses, of which not all answer.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ask } from "../../src/client/ask.ts";
import { TftpError } from "../../src/core/errors.ts";
import { nodeNetwork } from "../../src/net/node-network.ts";
import { wallClock } from "../../src/net/wall-clock.ts";
import { freePort } from "../net/free-port.ts";
import { Device, data, error } from "../server/device.ts";
import { Scripted } from "./scripted.ts";

const content = Buffer.from("the whole file");

/** Fetches from a server whose name stands for both; what came. */
async function fetch(server: Scripted, route = nodeNetwork.route): Promise<Buffer> {
  const { port } = server.port.address;
  const got: Uint8Array[] = [];
  const writev = async (payloads: readonly Uint8Array[]) => void got.push(...payloads);
  const sink = { writev, commit: async () => {}, discard: async () => {} };
  const network = { ...nodeNetwork, route, resolve: async () => ["::1", "127.0.0.1"] };
  const parts = { network, clock: wallClock, random: () => 0 };
  const target = { host: "boot.example", port, filename: "f", mode: "octet" } as const;
  await ask(parts, target, { op: "rrq", sink }, { timeoutMillis: 50 });
  return Buffer.concat(got);
}

async function give({ port }: Scripted, t: TestContext): Promise<void> {
  const { from } = await port.expect("rrq");
  const tid = await Device.open(t, port.address.host);
  await tid.send(data(1, content), from);
}

test("a server that is silent at one address is asked at the other one", async (t) => {
  const server = await Scripted.open(t);
  const fetched = fetch(server);
  await give(server, t);
  assert.deepEqual(await fetched, content);
});

test("an address that cannot be reached is passed over", async (t) => {
  const server = await Scripted.open(t);
  const fetched = fetch(server, async (remote) => {
    if (remote.host === "::1") throw new TftpError("NETWORK", "no route");
    return nodeNetwork.route(remote);
  });
  await give(server, t);
  assert.deepEqual(await fetched, content);
});

test("where one address has answered, no other is asked", async (t) => {
  const port = Number(await freePort());
  const server = await Scripted.open(t, "::1", port);
  const other = await Device.open(t, "127.0.0.1", port);
  const fetched = fetch(server);
  const refused = await server.asked("rrq");
  await refused.send(error(8, "no options here"));
  await give(server, t);
  assert.deepEqual(await fetched, content);
  await other.expectSilence();
});
