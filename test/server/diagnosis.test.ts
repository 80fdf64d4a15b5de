// A transfer that fails says why: each cause, from the packets of the transfer alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, memory, type ServerEvent, TftpError } from "../../src/index.ts";
import { Device, type Port, type Stage } from "../devices/line.ts";
import { World, type WorldOptions } from "../devices/world.ts";
import { ack, data, error, rrq, wrq } from "./device.ts";
import { content } from "./scene.ts";

type Script = (device: Device, world: World) => Promise<void>;

/** The cause in the last event of a transfer, with its advice. */
async function causeOf(script: Script, options: Partial<WorldOptions> = {}): Promise<string> {
  const storage = memory({ image: content(3000) }, { uploads: "create" });
  const world = new World({ storage, ...options });
  await world.play(Device.on(world).then((device) => script(device, world)));
  const ended = world.events.filter(
    (event): event is ServerEvent & { kind: "ended" } => event.kind === "ended",
  );
  assert.equal(ended.length, 1);
  const { diagnosis } = ended[0] as ServerEvent & { kind: "ended" };
  return diagnosis ? `${diagnosis.cause}: ${diagnosis.advice}` : "none";
}

test("nothing comes back: a firewall or NAT", async () => {
  const cause = await causeOf(async (device) => device.ask(rrq("image", { tsize: 0 })));
  assert.match(cause, /^no-answer: .*--single-port.*--tid-ports/);
});

for (const times of [1, 2]) {
  test(`a single port is not advised to who has it, after ${times} requests`, async () => {
    const script: Script = async (device) => {
      for (let time = 0; time < times; time++) {
        await device.ask(rrq("image", { tsize: 0 }));
        await device.pause(2000);
      }
    };
    const options = { singlePort: true, loses: (_: Buffer, to: Address) => to.port !== 69 };
    const cause = await causeOf(script, options);
    assert.match(cause, /^(no-answer|client-repeats): .*though they come from the port/);
    assert.doesNotMatch(cause, /--single-port/);
  });
}

test("nothing comes back for DATA 1 either", async () => {
  assert.match(await causeOf(async (device) => device.ask(rrq("image"))), /^no-answer: /);
});

test("nothing comes back after the answer to an upload", async () => {
  assert.match(await causeOf(async (device) => device.ask(wrq("up"))), /^no-answer: /);
});

test("the request comes again and again: our answers do not arrive", async () => {
  const cause = await causeOf(
    async (device) => {
      for (let repeat = 0; repeat < 5; repeat++) {
        await device.ask(rrq("image", { blksize: 1024 }));
        await device.pause(2000);
      }
    },
    { loses: (_, to) => to.port !== 69 },
  );
  assert.match(cause, /^client-repeats: .*do not reach it/);
});

test("the OACK is acknowledged and large DATA is not: fragments or MTU", async () => {
  const cause = await causeOf(
    async (device) => {
      await device.ask(rrq("image", { blksize: 1456 }));
      await device.oack();
      await device.answer(ack(0));
    },
    { loses: (datagram) => datagram.length > 1000 },
  );
  assert.match(cause, /^large-packets-lost: Blocks of 1456 bytes .*--blksize-max/);
});

test("small DATA that is not acknowledged is not the fault of the MTU", async () => {
  const cause = await causeOf(async (device) => {
    await device.ask(rrq("image", { tsize: 0 }));
    await device.oack();
    await device.answer(ack(0));
  });
  assert.equal(cause, "none");
});

test("the client answers from another address", async () => {
  const cause = await causeOf(async (device, world) => {
    await device.ask(rrq("image", { blksize: 1024 }));
    await device.oack();
    const other = await elsewhere(world, "192.0.2.77");
    await other.answer(ack(0), device.tid);
    await other.error(5);
  });
  assert.match(cause, /^other-address: Packets came from 192\.0\.2\.77 port 50000/);
});

test("the client goes on at the port that it asked", async () => {
  const cause = await causeOf(
    async (device) => {
      await device.ask(rrq("image", { blksize: 1024 }));
      await device.ask(ack(0));
    },
    { loses: (datagram, to) => to.port !== 69 && datagram[1] === 3 },
  );
  assert.match(cause, /^asked-port: .*--single-port/);
});

test("the client ends it once it knows the size: a probe", async () => {
  const cause = await causeOf(async (device) => {
    await device.ask(rrq("image", { tsize: 0, blksize: 1468 }));
    await device.oack();
    await device.answer(error(8, "User aborted the transfer"));
  });
  assert.match(cause, /^size-probe: Nothing to do/);
});

for (const [how, last] of [
  ["falls silent", undefined],
  ["gives up", error(0, "unexpected block")],
] as const) {
  test(`the client ${how} at block 65,535: it cannot count on`, async () => {
    const cause = await causeOf(
      async (device) => {
        await device.ask(rrq("big", { blksize: 8 }));
        await device.oack();
        await device.answer(ack(0));
        for (let block = 1; block <= 65_535; block++) {
          await device.data(block);
          await device.answer(ack(block));
        }
        await device.data(0);
        if (last) await device.answer(last);
      },
      { storage: memory({ big: content(8 * 65_540) }) },
    );
    assert.match(cause, /^block-65535: .*--rollover 1/);
  });
}

test("a client that stops in the middle for its own reasons has no cause", async () => {
  const cause = await causeOf(async (device) => {
    await device.ask(rrq("image"));
    await device.data(1);
    await device.answer(ack(1));
    await device.data(2);
    await device.answer(error(0, "closed"));
  });
  assert.equal(cause, "none");
});

test("what went well has no cause, whatever strangers and repeats there were", async () => {
  const cause = await causeOf(async (device, world) => {
    await device.ask(wrq("up"));
    await device.ask(wrq("up"));
    await device.ack(0);
    const stranger = await elsewhere(world, "192.0.2.77");
    await stranger.answer(data(1, "x"), device.tid);
    await device.answer(data(1, "abc"));
    await device.ack(1);
  });
  assert.equal(cause, "none");
});

test("a name that resembles another one is told in the event, not on the wire", async () => {
  const hint = 'There is "Image": only the case differs.';
  const world = new World({
    storage: {
      openRead: async () => {
        throw new TftpError("FILE_NOT_FOUND", "file not found", { hint });
      },
      openWrite: async () => {
        throw new TftpError("ACCESS_VIOLATION", "no");
      },
    },
  });
  const script = async (device: Device): Promise<void> => {
    await device.ask(rrq("image"));
    assert.equal(await device.error(1), "file not found");
  };
  await world.play(Device.on(world).then(script));
  const [refused] = world.events.filter((event) => event.kind === "refused");
  assert.deepEqual(refused?.diagnosis, { cause: "similar-name", advice: hint });
});

function elsewhere(world: World, host: string): Promise<Device> {
  const port: Port = world.portAt({ host, port: 50_000 });
  const stage: Stage = {
    server: world.server,
    foreign: false,
    realTime: false,
    longestSilenceMillis: world.longestSilenceMillis,
    port: async () => port,
    pause: (millis) => world.pause(millis),
  };
  return Device.on(stage);
}
