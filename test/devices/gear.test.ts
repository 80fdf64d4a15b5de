// Switches, routers, gateways and workstations: Cisco, Sun, AudioCodes and their like.

import assert from "node:assert/strict";
import { ack, data, rrq, wrq } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll, readOn } from "./fetching.ts";
import { Device } from "./line.ts";
import { device } from "./played.ts";

const image = content(3000);
const files = { image };
const broadcasts = "broadcasts need a network namespace of their own";

for (const [who, broadcast] of [
  ["a Cisco Aironet in recovery", "255.255.255.255"],
  ["a Sun workstation", "192.0.2.255"],
] as const) {
  device(
    `${who} that asks and acknowledges by broadcast to ${broadcast} gets its file`,
    {
      files,
      simulatedOnly: broadcasts,
      after: ({ endings }) => assert.deepEqual(endings, ["completed"]),
    },
    async (asking) => {
      await asking.answer(rrq("image"), { host: broadcast, port: 69 });
      for (let block = 1; block <= 6; block++) {
        await asking.data(block);
        assert.equal(asking.tid.host, "192.0.2.1", "answers come from our own address");
        await asking.answer(ack(block), { host: broadcast, port: asking.tid.port });
      }
      await asking.silence(10_000);
    },
  );
}

device(
  "Cisco AutoInstall asks for its default names for minutes and hears a quick no each time",
  {
    files,
    after: ({ events }) => assert.ok(events.every(({ kind }) => kind !== "started")),
  },
  async (asking) => {
    for (let round = 0; round < 3; round++) {
      for (const name of ["network-confg", "cisconet.cfg", "router-confg", "ciscortr.cfg"]) {
        const once = await asking.another();
        await once.ask(rrq(name));
        const { packet } = await once.next(900);
        assert.ok(packet.op === "error" && packet.code === 1);
      }
      await asking.pause(30_000);
    }
  },
);

device("a Cisco switch gets an OACK without a stray NUL at its end", { files }, async (asking) => {
  await asking.ask(rrq("image", { blksize: 1400, tsize: 0 }));
  assert.deepEqual(await asking.exactOack(), { blksize: "1400", tsize: "3000" });
  await readAll(asking, image, 1400);
});

device(
  "Cisco IOS without options gets blocks of 512 bytes, one at a time",
  { files },
  async (asking) => {
    await asking.ask(rrq("image"));
    for (let block = 1; block <= 6; block++) {
      assert.equal((await asking.data(block)).length, block < 6 ? 512 : 440);
      await asking.silence(60);
      await asking.answer(ack(block));
    }
  },
);

device(
  "Cisco IOS uploads its configuration in blocks of 512 bytes",
  {
    uploads: "create",
    after: ({ stored }) => assert.ok(Buffer.from(image).equals(stored.get("router-confg")!)),
  },
  async (asking) => {
    await asking.ask(wrq("router-confg"));
    await asking.ack(0);
    for (let block = 1; block <= 6; block++) {
      await asking.answer(data(block, image.subarray((block - 1) * 512, block * 512)));
      await asking.ack(block);
    }
  },
);

const longName = `c2960-lanbasek9-mz.${"150-2.SE11.".repeat(18)}bin`;

device(
  "Cisco IOS finds a file whose name is long",
  { files: { [longName]: image } },
  async (asking) => {
    assert.ok(longName.length > 200);
    await asking.ask(rrq(longName));
    await readOn(asking, image);
  },
);

device(
  "an AudioCodes gateway that writes to its flash for 20 seconds keeps its window",
  {
    files: { image: content(20_000) },
    after: ({ endings }) => assert.deepEqual(endings, ["completed"]),
  },
  async (asking) => {
    await asking.ask(rrq("image", { blksize: 1024, windowsize: 4 }));
    const { windowsize } = await asking.windows();
    assert.equal(windowsize, "4");
    await asking.answer(ack(0));
    for (let block = 1; block <= 4; block++) await asking.data(block);
    await asking.pause(20_000);
    while (await asking.within(0)); // what was repeated meanwhile
    await asking.answer(ack(4));
    for (let block = 5; block <= 8; block++) await asking.data(block);
    await asking.answer(ack(8));
    for (let block = 9; block <= 12; block++) await asking.data(block);
    await asking.answer(ack(12));
    for (let block = 13; block <= 16; block++) await asking.data(block);
    await asking.answer(ack(16));
    for (let block = 17; block <= 20; block++) await asking.data(block);
    await asking.answer(ack(20));
  },
);

device(
  "a device that pauses for four seconds in its upload is waited for",
  {
    uploads: "create",
    after: ({ stored }) => assert.equal(stored.get("log")?.length, 600),
  },
  async (asking) => {
    await asking.ask(wrq("log"));
    await asking.ack(0);
    await asking.answer(data(1, content(512)));
    await asking.ack(1);
    await asking.pause(4000);
    while (await asking.within(0));
    await asking.answer(data(2, content(88)));
    await asking.ack(2);
  },
);

device(
  "a device with a small receive buffer that acknowledges part of each window gets its file",
  { files: { image: content(20_000) } },
  async (asking) => {
    await asking.ask(rrq("image", { blksize: 1024, windowsize: 8 }));
    assert.equal((await asking.windows()).windowsize, "8");
    await asking.answer(ack(0));
    const parts: Uint8Array[] = [];
    // Its buffer holds two datagrams; the rest of each window is lost.
    while (parts.length < 20) {
      const { packet } = await asking.next();
      assert.ok(packet.op === "data");
      if (packet.block !== parts.length + 1) continue;
      parts.push(packet.payload);
      if (parts.length % 2 === 0) {
        await asking.pause(5);
        while (await asking.within(0));
        await asking.answer(ack(parts.length));
      }
    }
    assert.deepEqual(Buffer.concat(parts), Buffer.from(content(20_000)));
  },
);

device(
  "a client that acknowledges an ERROR is not answered again",
  { files, after: ({ endings }) => assert.deepEqual(endings, ["completed"]) },
  async (asking) => {
    await asking.ask(rrq("missing"));
    await asking.error(1);
    for (const block of [0, 1]) await asking.answer(ack(block));
    await asking.silence(10_000);
    await asking.ask(rrq("image"));
    await readOn(asking, image);
  },
);

device(
  "a client that never sends the last ACK is no failure",
  {
    files,
    after: ({ events, endings }) => {
      assert.deepEqual(endings, ["unconfirmed"]);
      const [ended] = events.filter((event) => event.kind === "ended");
      assert.equal(ended?.diagnosis, undefined);
    },
  },
  async (asking) => {
    await asking.ask(rrq("image"));
    for (let block = 1; block <= 5; block++) {
      await asking.data(block);
      await asking.answer(ack(block));
    }
    assert.equal((await asking.data(6)).length, 440);
    await asking.pause(120_000);
  },
);

device(
  "a request that a bridge tripled is answered once",
  {
    files,
    after: ({ events }) => assert.equal(events.filter(({ kind }) => kind === "started").length, 1),
  },
  async (asking) => {
    for (let copy = 0; copy < 3; copy++) await asking.ask(rrq("image"));
    await asking.data(1);
    await asking.silence(60);
    await asking.answer(ack(1));
    await readOn(asking, image, { after: 1 });
    await asking.silence(10_000);
  },
);

device(
  "an upload whose request a bridge tripled is stored once",
  {
    uploads: "create",
    after: ({ endings, stored }) => {
      assert.deepEqual(endings, ["completed"]);
      assert.equal(stored.get("up")?.length, 3);
    },
  },
  async (asking) => {
    for (let copy = 0; copy < 3; copy++) await asking.ask(wrq("up"));
    await asking.ack(0);
    await asking.silence(60);
    await asking.answer(data(1, "abc"));
    await asking.ack(1);
    await asking.silence(10_000);
  },
);

device(
  "an error of the socket in mid-transfer, as Windows reports ICMP, ends nothing",
  {
    files,
    simulatedOnly: "an error of our own socket",
    after: ({ endings }) => assert.deepEqual(endings, ["completed"]),
  },
  async (asking, world) => {
    await asking.ask(rrq("image"));
    await asking.data(1);
    await asking.answer(ack(1));
    await asking.data(2);
    world.breakSockets(new Error("ECONNRESET"));
    await asking.answer(ack(2));
    await readOn(asking, image, { after: 2 });
  },
);

device(
  "a second device with the same port number on another address has a transfer of its own",
  { files, simulatedOnly: "a second address" },
  async (asking, world) => {
    const { port } = asking.address;
    const other = world.portAt({ host: "192.0.2.22", port });
    const second = await Device.on({
      server: world.server,
      foreign: false,
      realTime: false,
      longestSilenceMillis: world.longestSilenceMillis,
      port: async () => other,
      pause: (millis) => world.pause(millis),
    });
    await asking.ask(rrq("image"));
    await second.ask(rrq("image"));
    await readOn(asking, image);
    await readOn(second, image);
  },
);
