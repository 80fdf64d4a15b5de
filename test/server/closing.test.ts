// The server as a whole: its snapshot, its counts, its end.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Address,
  generated,
  get,
  type ServerEvent,
  serve,
  TftpError,
} from "../../src/index.ts";
import { ack, Device, data, rrq, wrq } from "./device.ts";
import { content, files, readOn, scene } from "./scene.ts";

const timeout = 30_000;

test("a snapshot is in the order in which the transfers began", { timeout }, async (t) => {
  const { to, server } = await scene(t, { storage: files() });
  const ports: number[] = [];
  for (let count = 0; count < 8; count++) {
    const device = await Device.open(t);
    await device.send(rrq("five.bin"), to);
    await device.expectData(1);
    ports.push(device.address.port);
  }
  assert.deepEqual(
    server.snapshot().map(({ client }) => client.port),
    ports,
  );
});

test("a snapshot shows the transfers that run, and only those", { timeout }, async (t) => {
  const { to, server, events } = await scene(t, { storage: files() });
  assert.deepEqual(server.snapshot(), []);
  const device = await Device.open(t);
  await device.send(rrq("five.bin", { tsize: 0, windowsize: 2 }), to);
  const { from } = await device.expect("oack");
  await device.send(ack(0), from);
  await device.expectData(1);
  await device.expectData(2);
  await device.send(ack(2), from);
  await device.expectData(3);
  const [info, ...others] = server.snapshot();
  assert.deepEqual(others, []);
  assert.equal(info?.op, "rrq");
  assert.equal(info?.filename, "five.bin");
  assert.equal(info?.size, 5000);
  assert.equal(info?.bytes, 1024);
  assert.equal(info?.windowsize, 2);
  assert.equal(info?.options, true);
  assert.deepEqual(info?.client, device.address);
  assert.deepEqual(info?.local, from);
  await device.expectData(4);
  await device.send(ack(4), from);
  for (let block = 5; block <= 10; block++) {
    await device.expectData(block);
    if (block % 2 === 0) await device.send(ack(block), from);
  }
  const { transfer } = await events.nth("ended");
  assert.equal(transfer.id, info?.id);
  assert.equal(transfer.bytes, 5000);
  assert.equal(transfer.resent, 0);
  assert.equal(transfer.duplicates, 0);
  assert.deepEqual(server.snapshot(), []);
});

test("close ends what runs with an ERROR to its client", { timeout }, async (t) => {
  const { to, server, events } = await scene(t, { storage: files() });
  const [reader, writer] = [await Device.open(t), await Device.open(t)];
  await reader.send(rrq("five.bin"), to);
  await reader.expectData(1);
  await writer.send(wrq("up.bin"), to);
  await writer.expectAck(0);
  await server.close();
  assert.match((await reader.expectError(0)).packet.message, /shutting down/);
  await writer.expectError(0);
  assert.deepEqual(
    events.of("ended").map(({ ending, error }) => [ending, error?.code]),
    [
      ["failed", "ABORTED"],
      ["failed", "ABORTED"],
    ],
  );
  assert.deepEqual(server.snapshot(), []);
});

test("close with grace lets what runs come to its end", { timeout }, async (t) => {
  const { to, server, events } = await scene(t, { storage: files() });
  const [device, late] = [await Device.open(t), await Device.open(t)];
  await device.send(rrq("five.bin"), to);
  const { from } = await device.expectData(1);
  const closed = server.close({ graceMillis: 20_000 });
  await late.send(rrq("five.bin"), to).catch(() => {});
  await device.send(ack(1), from);
  const rest = await readOn(device, 1);
  assert.deepEqual(rest, Buffer.from(content(5000).subarray(512)));
  await closed;
  assert.deepEqual(
    events.of("ended").map(({ ending }) => ending),
    ["completed"],
  );
  await late.expectSilence();
});

test("grace ends when its time is over", { timeout }, async (t) => {
  const { to, server } = await scene(t, { storage: files() });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  await device.expectData(1);
  await server.close({ graceMillis: 20 });
  await device.expectError(0);
});

test("close does not wait for clients that may have missed the last ACK", {
  timeout,
}, async (t) => {
  const { to, server, events } = await scene(t, {
    storage: files(),
    limits: { timeoutMillis: 60_000 }, // twice this would be the stay
  });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, "hello"), from);
  await device.expectAck(1);
  await events.nth("ended");
  await server.close();
});

test("a closed server is deaf, and may be closed again", { timeout }, async (t) => {
  const { to, server } = await scene(t, { storage: files() });
  await server.close();
  await server.close();
  const again = await serve({ storage: files(), host: to.host, port: to.port });
  assert.equal(again.address.port, to.port);
  await again.close();
});

for (const kind of ["listening", "ended"]) {
  test(`an onEvent that throws at "${kind}" is heard of, and nothing stays open`, {
    timeout,
  }, async (t) => {
    const [reader, other] = [await Device.open(t), await Device.open(t)];
    let at: Address | undefined;
    const onEvent = (event: ServerEvent): void => {
      if (event.kind === "listening") at = event.address;
      if (event.kind === kind) throw new RangeError("mine");
    };
    const run = async (): Promise<void> => {
      const server = await serve({ storage: files(), host: "127.0.0.1", port: 0, onEvent });
      for (const device of [reader, other]) {
        await device.send(rrq("five.bin"), server.address);
        await device.expectData(1);
      }
      await server.close();
    };
    await assert.rejects(run(), new RangeError("mine"));
    const again = await serve({ storage: files(), ...at });
    await again.close();
    if (kind === "listening") return;
    for (const device of [reader, other]) await device.expectError(0);
  });
}

for (const singlePort of [false, true]) {
  const port = singlePort ? "the listening port" : "a port of its own";
  test(`a last ACK that lies at ${port}, unread, still counts`, { timeout }, async (t) => {
    const { server, to, events } = await scene(t, { storage: files(), singlePort });
    await get(`tftp://${to.host}:${to.port}/five.bin`).bytes();
    await server.close();
    assert.equal(events.of("ended")[0]?.ending, "completed");
  });
}

test("a server that is closed when it refuses tells each request once", { timeout }, async (t) => {
  const refused: string[] = [];
  const closings: Promise<void>[] = [];
  const server = await serve({
    storage: generated(({ name }) => (name === "held" ? new Promise(() => {}) : undefined)),
    host: "127.0.0.1",
    port: 0,
    onEvent: (event) => {
      if (event.kind !== "refused") return;
      refused.push(event.request.filename);
      closings.push(server.close());
    },
  });
  const [waiting, asking] = [await Device.open(t), await Device.open(t)];
  await waiting.send(rrq("held"), server.address);
  await asking.send(rrq("missing"), server.address);
  await waiting.expect("error");
  await asking.expect("error");
  await Promise.all(closings);
  assert.deepEqual(refused.sort(), ["held", "missing"]);
});

test("two servers cannot listen on one port", { timeout }, async (t) => {
  const { to } = await scene(t, { storage: files() });
  const failed = serve({ storage: files(), host: to.host, port: to.port });
  await assert.rejects(failed, (error: TftpError) => {
    assert.ok(error instanceof TftpError);
    assert.equal(error.code, "NETWORK");
    assert.match(error.message, new RegExp(String(to.port)));
    assert.ok(error.hint);
    return true;
  });
});

test("limits out of range are refused by name", { timeout }, async () => {
  for (const limits of [{ blksizeMax: 7 }, { windowsizeMax: 0 }, { retries: Number.NaN }]) {
    const [name = ""] = Object.keys(limits);
    await assert.rejects(serve({ storage: files(), port: 0, limits }), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(name),
    });
  }
});

test("a limit that is counted or sent is whole, a rate need not be", { timeout }, async (t) => {
  for (const name of ["blksizeMax", "windowsizeMax", "timeoutMillis", "retries"] as const) {
    const limits = { [name]: 10.5 };
    const serving = serve({ storage: files(), host: "127.0.0.1", port: 0, limits });
    await assert.rejects(serving, { code: "INVALID_ARGUMENT", message: `${name} is 10.5` });
  }
  await scene(t, { storage: files(), limits: { errorsPerSecond: 0.5, bytesPerSecond: 1000.5 } });
});

test("a server that would listen nowhere is refused", { timeout }, async () => {
  for (const where of [{ listen: [] }, { inherited: [] }, { host: [] }]) {
    const failed = serve({ storage: files(), ...where });
    await assert.rejects(failed, { code: "NETWORK", message: "no address to listen on" });
  }
});

test("a server listens on several addresses with one port", { timeout }, async (t) => {
  const { server, events } = await scene(t, { storage: files(), host: ["127.0.0.1", "::1"] });
  assert.deepEqual(
    server.addresses.map(({ host }) => host),
    ["127.0.0.1", "::1"],
  );
  assert.equal(new Set(server.addresses.map(({ port }) => port)).size, 1);
  assert.equal(events.of("listening").length, 2);
  for (const to of server.addresses) {
    const device = await Device.open(t, to.host);
    await device.send(rrq("five.bin"), to);
    const { from } = await device.expectData(1);
    assert.equal(from.host, to.host);
    assert.notEqual(from.port, to.port);
  }
});

for (const [singlePort, graceMillis] of [
  [false, 0],
  [true, 0],
  [false, 50],
  [true, 50],
] as const) {
  const how = `${singlePort ? " by the single port" : ""} after ${graceMillis} ms`;
  test(`close does not wait for content that never comes, and says so${how}`, {
    timeout,
  }, async (t) => {
    let asked = (): void => {};
    const opening = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const storage = generated(() => {
      asked();
      return new Promise(() => {});
    });
    const { server, to, events } = await scene(t, { storage, singlePort });
    const device = await Device.open(t);
    await device.send(rrq("never"), to);
    await opening;
    await server.close({ graceMillis });
    assert.match((await device.expectError(0)).packet.message, /shutting down/);
    assert.equal((await events.nth("refused")).error.code, "ABORTED");
    await device.expectSilence();
  });
}

test("a server without a storage is refused", async () => {
  for (const options of [undefined, {}, { storage: {} }]) {
    const serving = serve(options as unknown as Parameters<typeof serve>[0]);
    await assert.rejects(serving, { code: "INVALID_ARGUMENT", message: /no storage/ });
  }
});
