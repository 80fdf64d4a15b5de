// What a client asks, what it does when the server wants less, and what it does not put up with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put, type TftpError, type TransferOptions } from "../../src/index.ts";
import { failure } from "../loopback/pair.ts";
import { ack, data, error, oack } from "../server/device.ts";
import { Scripted } from "./scripted.ts";

const timeout = 30_000;

test("auto asks for the size, and for the block and window that the path holds", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url("a%20b")).text();
  const asked = await server.asked("rrq");
  assert.equal(asked.request.filename, "a b");
  assert.equal(asked.request.mode, "octet");
  assert.deepEqual(Object.keys(asked.options), ["tsize", "blksize", "windowsize"]);
  assert.equal(asked.options.tsize, "0");
  assert.equal(asked.options.blksize, "65464"); // loopback
  assert.ok(Number(asked.options.windowsize) >= 1 && Number(asked.options.windowsize) <= 64);
  await asked.send(oack({ blksize: 1024, tsize: 5 }));
  await asked.tid.expectAck(0);
  await asked.send(data(1, "hello"));
  await asked.tid.expectAck(1);
  assert.equal(await text, "hello");
});

test("a caller's options are asked for as they are", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const options = { blksize: 1428, windowsize: 8, timeoutMillis: 3000, rollover: 1 } as const;
  const done = put(server.url(), Buffer.from("hello"), options);
  const asked = await server.asked("wrq");
  assert.deepEqual(asked.options, {
    tsize: "5",
    blksize: "1428",
    windowsize: "8",
    timeout: "3",
    rollover: "1",
  });
  await asked.send(oack(asked.options));
  await asked.tid.expectData(1);
  await asked.send(ack(1));
  const report = await done;
  assert.equal(report.blksize, 1428);
  assert.equal(report.windowsize, 8);
  assert.equal(report.bytes, 5);
});

test("plain asks for nothing", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url("x;mode=netascii"), { plain: true }).text();
  const asked = await server.asked("rrq");
  assert.deepEqual(asked.options, {});
  assert.equal(asked.request.mode, "netascii");
  await asked.send(data(1, "a\r\nb\r\0"));
  assert.equal(await text, "a\nb\r");
});

for (const code of [8, 0, 4]) {
  test(`after ERROR ${code} to its options a client asks without`, { timeout }, async (t) => {
    const server = await Scripted.open(t);
    const text = get(server.url()).text();
    const first = await server.asked("rrq");
    assert.notDeepEqual(first.options, {});
    await first.send(error(code, "no options here"));
    const second = await server.asked("rrq");
    assert.deepEqual(second.options, {});
    assert.notEqual(second.client.port, first.client.port);
    await second.send(data(1, "hello"));
    await second.tid.expectAck(1);
    assert.equal(await text, "hello");
    await first.tid.expectSilence();
  });
}

test("an upload is asked again without options too", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const done = put(server.url(), Buffer.from("hello"));
  await (await server.asked("wrq")).send(error(8));
  const second = await server.asked("wrq");
  assert.deepEqual(second.options, {});
  await second.send(ack(0));
  const { packet } = await second.tid.expectData(1);
  assert.equal(Buffer.from(packet.payload).toString(), "hello");
  await second.send(ack(1));
  assert.equal((await done).blksize, 512);
});

test("a server that is silent to options is asked without", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { timeoutMillis: 50, retries: 2 }).text();
  let asked = await server.asked("rrq");
  const port = asked.client.port;
  while (Object.keys(asked.options).length > 0) {
    assert.equal(asked.client.port, port);
    asked = await server.asked("rrq");
  }
  assert.notEqual(asked.client.port, port);
  await asked.send(data(1, "hello"));
  assert.equal(await text, "hello");
});

test("a reason is not forgotten when the next request meets with silence", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const failed = failure(get(server.url(), { timeoutMillis: 500, retries: 0 }).bytes());
  await (await server.asked("rrq")).send(error(0, "quota exceeded"));
  await server.asked("rrq");
  const thrown = await failed;
  assert.equal(thrown.origin, "remote");
  assert.match(thrown.message, /quota exceeded/);
});

for (const [code, name] of [
  [1, "FILE_NOT_FOUND"],
  [2, "ACCESS_VIOLATION"],
  [6, "FILE_EXISTS"],
] as const) {
  test(`ERROR ${code} is final`, { timeout }, async (t) => {
    const server = await Scripted.open(t);
    const failed = failure(get(server.url()).bytes());
    await (await server.asked("rrq")).send(error(code, "so it is"));
    const thrown = await failed;
    assert.equal(thrown.code, name);
    assert.equal(thrown.origin, "remote");
    assert.equal(thrown.wireCode, code);
    assert.match(thrown.message, /so it is/);
    assert.ok(thrown.hint);
    await server.port.expectSilence();
  });
}

test("an ERROR after the OACK is final, for content may have moved", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const failed = failure(get(server.url()).bytes());
  const { send, tid } = await server.asked("rrq");
  await send(oack({ blksize: 512 }));
  await tid.expectAck(0);
  await send(error(0, "no more"));
  assert.equal((await failed).wireCode, 0);
  await server.port.expectSilence();
});

test("what a caller fixed is asked for again, and never given up", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const failed = failure(get(server.url(), { blksize: 1024 }).bytes());
  await (await server.asked("rrq")).send(error(8));
  const second = await server.asked("rrq");
  assert.deepEqual(second.options, { blksize: "1024" });
  await second.send(error(8));
  assert.equal((await failed).code, "OPTIONS_REFUSED");
  await server.port.expectSilence();
});

const bad: readonly (readonly [string, { readonly [name: string]: string | number }])[] = [
  ["what was not asked", { multicast: "224.0.0.1,1758,1" }],
  ["a larger block", { blksize: 65465 }],
  ["a larger window", { windowsize: 65 }],
  ["a block of 7 bytes", { blksize: 7 }],
  ["a size that is no number", { tsize: "many" }],
];
for (const [what, answer] of bad) {
  test(`an OACK with ${what} is refused with ERROR 8, and RFC 1350 tried`, {
    timeout,
  }, async (t) => {
    const server = await Scripted.open(t);
    const text = get(server.url()).text();
    const first = await server.asked("rrq");
    await first.send(oack(answer));
    await first.tid.expectError(8);
    const second = await server.asked("rrq");
    assert.deepEqual(second.options, {});
    await second.send(data(1, "hello"));
    assert.equal(await text, "hello");
  });
}

test("a server without options answers the first request with DATA", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const done = get(server.url()).bytes();
  const asked = await server.asked("rrq");
  await asked.send(data(1, Buffer.alloc(512, 1)));
  await asked.tid.expectAck(1);
  await asked.send(data(2, Buffer.alloc(512, 2)));
  await asked.tid.expectAck(2);
  await asked.send(data(3, ""));
  await asked.tid.expectAck(3);
  assert.equal((await done).length, 1024);
});

test("to ask without options is no advice after that was tried", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const thrown = async (options: TransferOptions): Promise<TftpError> => {
    const failed = failure(get(server.url(), options).bytes());
    await (await server.asked("rrq")).send(error(8));
    if (!options.plain) await (await server.asked("rrq")).send(error(8));
    return failed;
  };
  assert.match((await thrown({ blksize: 1024 })).hint ?? "", /--no-options/);
  for (const options of [{}, { plain: true }]) {
    assert.match((await thrown(options)).hint ?? "", /^The server's log may say more\.$/);
  }
  const quiet = failure(get(server.url(), { timeoutMillis: 500, retries: 0 }).bytes());
  await (await server.asked("rrq")).send(error(8));
  await server.asked("rrq");
  assert.doesNotMatch((await quiet).hint ?? "", /--no-options/);
});

test("nobody at the port is told as such, with what to check", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const thrown = await failure(get(server.url(), { timeoutMillis: 20, retries: 1 }).bytes());
  assert.equal(thrown.code, "TIMED_OUT");
  assert.match(thrown.message, new RegExp(`127.0.0.1:${server.port.address.port}`));
  assert.match(thrown.hint ?? "", /firewalls/);
});

test("options out of range are refused before anything is sent", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  for (const options of [
    { blksize: 7 },
    { windowsize: 65536 },
    { windowsize: 65535, rollover: 1 as const },
    { timeoutMillis: 0 },
    { retries: -1 },
  ]) {
    const [name = ""] = Object.keys(options);
    const thrown = await failure(get(server.url(), options).bytes());
    assert.equal(thrown.code, "INVALID_ARGUMENT");
    assert.match(thrown.message, new RegExp(name));
  }
  const rollover = 2 as 0;
  assert.equal((await failure(get(server.url(), { rollover }).bytes())).code, "INVALID_ARGUMENT");
  await server.port.expectSilence();
});
