// Verdicts and limits: who is served, under which name, and who is not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type JudgedRequest, TftpError, type Verdict } from "../../src/index.ts";
import { ack, Device, data, error, rrq, wrq } from "./device.ts";
import { content, files, scene, stillServes } from "./scene.ts";

const timeout = 30_000;

test("a judge sees the request and may give it another name", { timeout }, async (t) => {
  const seen: JudgedRequest[] = [];
  const { to, events } = await scene(t, {
    storage: files(),
    judge: (request) => {
      seen.push(request);
      return { kind: "allow", filename: "hello.txt" };
    },
  });
  const device = await Device.open(t);
  await device.send(rrq("anything", { blksize: 1024 }), to);
  const { from } = await device.expect("oack");
  await device.send(ack(0), from);
  const { packet } = await device.expectData(1);
  assert.equal(Buffer.from(packet.payload).toString(), "hello");
  assert.equal((await events.nth("started")).transfer.filename, "anything");
  const [request] = seen;
  assert.equal(request?.op, "rrq");
  assert.equal(request?.filename, "anything");
  assert.deepEqual(request?.client, device.address);
  assert.equal(request?.options.get("blksize")?.value, "1024");
});

test("a refusal goes out with its own code and text", { timeout }, async (t) => {
  const { to, events } = await scene(t, {
    storage: files(),
    judge: ({ op }) => ({
      kind: "refuse",
      error:
        op === "rrq"
          ? new TftpError("ACCESS_VIOLATION", "not for you")
          : new TftpError("UNDEFINED", "not today", { wireCode: 77 }),
    }),
  });
  const device = await Device.open(t);
  await device.send(rrq("hello.txt"), to);
  assert.equal((await device.expectError(2)).packet.message, "not for you");
  await device.send(wrq("up.bin"), to);
  assert.equal((await device.expectError(77)).packet.message, "not today");
  assert.equal(events.of("refused").length, 2);
  assert.deepEqual(events.of("started"), []);
});

test("an ignored request is answered by nothing", { timeout }, async (t) => {
  const { to, events } = await scene(t, {
    storage: files(),
    judge: ({ filename }) => ({ kind: filename === "five.bin" ? "ignore" : "allow" }),
  });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  const { request, error: reason } = await events.nth("ignored");
  assert.equal(request.filename, "five.bin");
  assert.equal(reason, undefined);
  await stillServes(t, to);
  await device.expectSilence();
});

test("requests beyond the queue are not answered, so that clients ask again", {
  timeout,
}, async (t) => {
  const limits = { transfersMax: 1, queueMax: 0 };
  const { to, events } = await scene(t, { storage: files(), limits });
  const [first, second] = [await Device.open(t), await Device.open(t)];
  await first.send(rrq("five.bin"), to);
  const { from } = await first.expectData(1);
  await second.send(rrq("five.bin"), to);
  assert.equal((await events.nth("ignored")).error?.code, "BUSY");
  await second.expectSilence();
  await first.send(error(0), from);
  await events.nth("ended");
  await first.expectSilence();
  await second.send(rrq("five.bin"), to);
  await second.expectData(1);
  await first.send(rrq("five.bin"), to);
  await events.nth("ignored", 2);
  await first.expectSilence();
});

test("one client cannot take every place", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), limits: { transfersMaxPerClient: 1 } });
  const [first, second] = [await Device.open(t), await Device.open(t)];
  const other = await Device.open(t, "127.0.0.2");
  await first.send(rrq("five.bin"), to);
  await first.expectData(1);
  await second.send(rrq("five.bin"), to);
  await other.send(rrq("five.bin"), to);
  await other.expectData(1);
  await second.expectSilence();
  assert.equal(events.of("ignored").length, 0);
});

test("a repeated request at the limit is the transfer that runs", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), limits: { transfersMax: 1 } });
  const device = await Device.open(t);
  await Promise.all([1, 2].map(() => device.send(rrq("hello.txt"), to)));
  const { from } = await device.expectData(1);
  await device.send(ack(1), from);
  assert.equal((await events.nth("ended")).ending, "completed");
  assert.deepEqual(events.of("ignored"), []);
});

test("an upload that says it is too large is refused before it begins", { timeout }, async (t) => {
  const { to, events } = await scene(t, { storage: files(), limits: { uploadBytesMax: 1000 } });
  const device = await Device.open(t);
  await device.send(wrq("up.bin", { tsize: 1001 }), to);
  assert.match((await device.expectError(3)).packet.message, /1000 bytes/);
  assert.equal((await events.nth("refused")).error.code, "TOO_LARGE");
  await device.send(wrq("up.bin", { tsize: 1000 }), to);
  await device.expect("oack");
});

test("an upload that grows too large is ended, and no file stays", { timeout }, async (t) => {
  const storage = files();
  const { to, events } = await scene(t, { storage, limits: { uploadBytesMax: 1000 } });
  const device = await Device.open(t);
  await device.send(wrq("up.bin"), to);
  const { from } = await device.expectAck(0);
  await device.send(data(1, content(512)), from);
  await device.expectAck(1);
  await device.send(data(2, content(512)), from);
  await device.expectError(3);
  const { ending, error: reason } = await events.nth("ended");
  assert.equal(ending, "failed");
  assert.equal(reason?.code, "TOO_LARGE");
  assert.equal(storage.files.has("up.bin"), false);
});

test("a judge that fails refuses the request, and the server goes on", { timeout }, async (t) => {
  const { to, events } = await scene(t, {
    storage: files(),
    judge: ({ filename }) => {
      if (filename === "bad") throw new Error("a fault of the judge");
      if (filename === "worse") throw new TftpError("NO_SUCH_USER", "who are you");
      return { kind: "allow" };
    },
  });
  const device = await Device.open(t);
  await device.send(rrq("bad"), to);
  const { packet } = await device.expectError(0);
  assert.ok(!packet.message.includes("fault"), "its own words stay here");
  assert.match(String((await events.nth("problem")).error.cause), /a fault of the judge/);
  await device.send(rrq("worse"), to);
  assert.equal((await device.expectError(7)).packet.message, "who are you");
  assert.equal(events.of("problem").length, 1);
  await stillServes(t, to);
});

test("what is no verdict lets nobody in, and the server goes on", { timeout }, async (t) => {
  const wrong: readonly (() => unknown)[] = [
    () => undefined,
    () => null,
    () => "allow",
    () => ({}),
    () => ({ kind: "refused" }),
    () => ({ kind: "refuse" }),
    () => ({ kind: "refuse", error: new Error("secret") }),
    () => ({ kind: "allow", filename: 7 }),
    async () => ({ kind: "refuse" }),
    () => Promise.reject(new Error("secret")),
  ];
  const { to, events } = await scene(t, {
    storage: files(),
    judge: ({ filename }) => {
      const judge = wrong[Number(filename)] ?? (() => ({ kind: "allow" }));
      return judge() as Verdict;
    },
  });
  for (const at of wrong.keys()) {
    const device = await Device.open(t);
    await device.send(rrq(String(at)), to);
    const { packet } = await device.expectError(0);
    assert.equal(packet.message, "the request cannot be judged");
    assert.match(String((await events.nth("problem", at + 1)).error.cause), /no verdict/);
  }
  assert.equal(events.of("refused").length, wrong.length);
  await stillServes(t, to);
});

test("content that cannot be put away harms nobody", { timeout }, async (t) => {
  const fail = () => Promise.reject(new Error("cannot close"));
  const { to, events } = await scene(t, {
    storage: {
      openRead: async () => ({
        size: 3,
        readv: async () => 3,
        close: fail,
      }),
      openWrite: async () => ({ writev: async () => {}, commit: async () => {}, discard: fail }),
    },
  });
  const device = await Device.open(t);
  await device.send(rrq("x"), to);
  const { from } = await device.expectData(1);
  await device.send(ack(1), from);
  assert.equal((await events.nth("ended")).ending, "completed");
  await device.send(wrq("y"), to);
  await device.send(error(0), (await device.expectAck(0)).from);
  assert.equal((await events.nth("ended", 2)).ending, "aborted");
});

test("a server that its judge closes lets nobody in any more", { timeout }, async (t) => {
  const closing: Promise<void>[] = [];
  const { to, server, events } = await scene(t, {
    storage: files(),
    judge: () => {
      closing.push(server.close());
      return { kind: "allow" };
    },
  });
  const device = await Device.open(t);
  await device.send(rrq("five.bin"), to);
  while (closing.length === 0) await new Promise((soon) => setImmediate(soon));
  await Promise.all(closing);
  assert.equal(server.stats().admitted, 0);
  await device.expectSilence();
  assert.deepEqual(events.of("started"), []);
});
