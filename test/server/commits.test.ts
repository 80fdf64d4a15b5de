// An upload that is to end while its storage commits: what the client is told, and what is told of
// it, must agree with what then stands under the name.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decode } from "../../src/core/packet.ts";
import { type Storage, TftpError } from "../../src/index.ts";
import { data, wrq } from "./device.ts";
import { type VirtualServer, virtualServer } from "./virtual.ts";

const client = { host: "192.0.2.7", port: 2070 };

interface Held {
  readonly storage: Storage;
  readonly begun: () => boolean;
  readonly discarded: () => boolean;
  /** Ends the commit of the first upload. */
  readonly settle: (failure?: TftpError) => void;
}

function held(): Held {
  let [begun, discarded] = [false, false];
  let settle: (failure?: TftpError) => void = () => {};
  const committed = new Promise<void>((resolve, reject) => {
    settle = (failure) => (failure ? reject(failure) : resolve());
  });
  const openRead = async () => Promise.reject(new TftpError("FILE_NOT_FOUND", "file not found"));
  const openWrite = async () => ({
    writev: async () => {},
    commit: () => {
      begun = true;
      return committed;
    },
    discard: async () => void (discarded = true),
  });
  return {
    storage: { openRead, openWrite },
    begun: () => begun,
    discarded: () => discarded,
    settle,
  };
}

/** Everything that went out from the port of the first upload, in words. */
function said({ sockets }: VirtualServer): string[] {
  return (sockets[0]?.sent ?? []).map(([datagram]) => {
    const packet = decode(datagram);
    return "block" in packet ? `${packet.op} ${packet.block}` : packet.op;
  });
}

function endings({ events }: VirtualServer): string[] {
  return events.of("ended").map(({ ending }) => ending);
}

const settled = (world: VirtualServer): Promise<void> => world.advanceTo(world.clock.time);

const ends: readonly (readonly [string, (world: VirtualServer) => Promise<void>, string[]])[] = [
  [
    "the server shuts down",
    async (world) => {
      void world.server.close(0);
      await settled(world);
    },
    ["ack 0", "ack 1"],
  ],
  ["its time is over", (world) => world.advanceTo(20_000), ["ack 0", "ack 1"]],
  // Who asks anew from that port would take the ACK for an answer.
  ["its client begins anew", (world) => world.ask(client, wrq("other")), ["ack 0"]],
];

for (const [what, end, all] of ends) {
  test(`when ${what} in a commit that succeeds, no ERROR is sent`, async () => {
    const { storage, begun, discarded, settle } = held();
    const world = virtualServer({ transferMillisMax: 10_000 }, { storage });
    await world.ask(client, wrq("up"));
    await world.answer(client, data(1, "hello"));
    assert.ok(begun());
    await end(world);
    assert.deepEqual(said(world), ["ack 0"]);
    assert.deepEqual(endings(world), []);
    settle();
    await settled(world);
    assert.deepEqual(said(world), all);
    assert.deepEqual(endings(world), ["completed"]);
    assert.equal(discarded(), false);
  });

  test(`when ${what} in a commit that fails, nothing stays`, async () => {
    const { storage, discarded, settle } = held();
    const world = virtualServer({ transferMillisMax: 10_000 }, { storage });
    await world.ask(client, wrq("up"));
    await world.answer(client, data(1, "hello"));
    await end(world);
    settle(new TftpError("DISK_FULL", "disk full"));
    await settled(world);
    const isSilent = all.length === 1;
    assert.deepEqual(said(world), isSilent ? ["ack 0"] : ["ack 0", "error"]);
    assert.deepEqual(endings(world), [isSilent ? "replaced" : "failed"]);
    assert.equal(discarded(), true);
  });
}

test("a server that closes waits for what is being stored, and for nothing after it", async () => {
  const { storage, settle } = held();
  const world = virtualServer({}, { storage });
  await world.ask(client, wrq("up"));
  await world.answer(client, data(1, "hello"));
  let closed = false;
  const closing = world.server.close(0).then(() => (closed = true));
  await settled(world);
  assert.equal(closed, false);
  settle();
  await closing;
});

for (const late of ["succeeds", "fails"]) {
  test(`a server that closes waits a minute for a commit; one that then ${late}`, async () => {
    const { storage, discarded, settle } = held();
    const world = virtualServer({}, { storage });
    await world.ask(client, wrq("up"));
    await world.answer(client, data(1, "hello"));
    let closed = false;
    void world.server.close(0).then(() => (closed = true));
    await world.advanceTo(59_000);
    assert.equal(closed, false);
    await world.advanceTo(61_000);
    assert.equal(closed, true);
    assert.deepEqual(endings(world), ["failed"]);
    assert.equal(world.events.of("ended")[0]?.error?.code, "STORAGE");
    assert.deepEqual(said(world), ["ack 0"]);
    settle(late === "fails" ? new TftpError("DISK_FULL", "disk full") : undefined);
    await settled(world);
    assert.equal(discarded(), late === "fails", "what is stored stays");
    assert.equal(endings(world).length, 1);
  });
}

test("DATA that is too long undoes nothing once all blocks are here", async () => {
  const { storage, settle } = held();
  const world = virtualServer({}, { storage });
  await world.ask(client, wrq("up"));
  await world.answer(client, data(1, "hello"));
  await world.answer(client, data(2, "x".repeat(513)));
  settle();
  await settled(world);
  assert.deepEqual(said(world), ["ack 0", "ack 1"]);
  assert.deepEqual(endings(world), ["completed"]);
});
