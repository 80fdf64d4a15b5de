// A transfer under way, from the client's side: strangers, errors, the last ACK.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { failure } from "../loopback/pair.ts";
import { ack, Device, data, error, oack } from "../server/device.ts";
import { Scripted } from "./scripted.ts";

const timeout = 30_000;

test("an answer from another address is turned away, and the hint names it", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const wrong = await Device.open(t, "127.0.0.2");
  const options = { timeoutMillis: 50, retries: 1, plain: true };
  const failed = failure(get(server.url(), options).bytes());
  const asked = await server.asked("rrq");
  await wrong.send(data(1, "hello"), asked.client);
  await wrong.expectError(5);
  const thrown = await failed;
  assert.equal(thrown.code, "TIMED_OUT");
  assert.match(thrown.hint ?? "", /127\.0\.0\.2/);
});

test("a second port of the server is a stranger once the first has answered", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { plain: true }).text();
  const asked = await server.asked("rrq");
  await asked.send(data(1, Buffer.alloc(512, "a")));
  await asked.tid.expectAck(1);
  const other = await Device.open(t);
  await other.send(data(2, "wrong"), asked.client);
  await other.expectError(5);
  await other.send(error(0, "stop"), asked.client);
  await asked.send(data(2, "right"));
  assert.equal((await text).slice(512), "right");
  await other.expectSilence();
});

test("the port that was asked may answer itself", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { plain: true }).text();
  const asked = await server.asked("rrq");
  await server.port.send(data(1, "single port"), asked.client);
  await server.port.expectAck(1);
  assert.equal(await text, "single port");
});

test("garbage before the answer is not the answer", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { plain: true }).text();
  const asked = await server.asked("rrq");
  const other = await Device.open(t);
  await other.send(Buffer.from("garbage"), asked.client);
  await asked.send(data(1, "hello"));
  assert.equal(await text, "hello");
});

test("DATA longer than agreed ends the transfer with ERROR 4", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const failed = failure(get(server.url(), { plain: true }).bytes());
  const asked = await server.asked("rrq");
  await asked.send(data(1, Buffer.alloc(512)));
  await asked.tid.expectAck(1);
  await asked.send(data(2, Buffer.alloc(513)));
  await asked.tid.expectError(4);
  const thrown = await failed;
  assert.equal(thrown.code, "ILLEGAL_OPERATION");
  assert.equal(thrown.origin, "local");
});

const wireCodes = [
  [0, "UNDEFINED"],
  [1, "FILE_NOT_FOUND"],
  [2, "ACCESS_VIOLATION"],
  [3, "DISK_FULL"],
  [4, "ILLEGAL_OPERATION"],
  [5, "UNKNOWN_TID"],
  [6, "FILE_EXISTS"],
  [7, "NO_SUCH_USER"],
  [8, "OPTIONS_REFUSED"],
  [99, "UNDEFINED"],
] as const;
for (const [wireCode, code] of wireCodes) {
  test(`ERROR ${wireCode} in mid-transfer is ${code}`, { timeout }, async (t) => {
    const server = await Scripted.open(t);
    const failed = failure(get(server.url(), { plain: true }).bytes());
    const asked = await server.asked("rrq");
    await asked.send(data(1, Buffer.alloc(512)));
    await asked.tid.expectAck(1);
    await asked.send(error(wireCode, "the \u001b[31mreason"));
    const thrown = await failed;
    assert.equal(thrown.code, code);
    assert.equal(thrown.wireCode, wireCode);
    assert.equal(thrown.origin, "remote");
    assert.match(thrown.message, /the {1,2}\[31mreason/);
    await asked.tid.expectSilence();
  });
}

test("the last ACK is repeated for a server that missed it", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { plain: true }).text();
  const { send, tid } = await server.asked("rrq");
  await send(data(1, "hello"));
  await tid.expectAck(1);
  assert.equal(await text, "hello");
  // A copy that follows at once is no repeat.
  const timer = setInterval(() => send(data(1, "hello")), 200);
  await tid.expectAck(1).finally(() => clearInterval(timer));
});

test("a put waits for the answer to its request, and for the last ACK", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const body = Buffer.alloc(1024, 7);
  const done = put(server.url(), body);
  const { send, tid } = await server.asked("wrq");
  await send(ack(0)); // RFC 1350: no option holds
  for (const [block, length] of [
    [1, 512],
    [2, 512],
    [3, 0],
  ] as const) {
    const { packet } = await tid.expectData(block);
    assert.equal(packet.payload.length, length);
    await tid.expectSilence();
    await send(ack(block));
  }
  const report = await done;
  assert.equal(report.bytes, 1024);
  assert.equal(report.blksize, 512);
  assert.equal(report.resent, 0);
  assert.deepEqual(report.server, tid.address);
});

test("an ERROR to a put in mid-transfer is the caller's", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const failed = failure(put(server.url(), Buffer.alloc(5000), { plain: true }));
  const { send, tid } = await server.asked("wrq");
  await send(ack(0));
  await tid.expectData(1);
  await send(error(3, "disk full"));
  const thrown = await failed;
  assert.equal(thrown.code, "DISK_FULL");
  assert.equal(thrown.origin, "remote");
});

test("a server that falls silent in mid-transfer is given up", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const options = { plain: true, timeoutMillis: 30, retries: 2 };
  const failed = failure(get(server.url(), options).bytes());
  const { send, tid } = await server.asked("rrq");
  await send(data(1, Buffer.alloc(512)));
  for (let times = 0; times < 3; times++) await tid.expectAck(1);
  const thrown = await failed;
  assert.equal(thrown.code, "TIMED_OUT");
  assert.match(thrown.hint ?? "", /broke off/);
});

test("over IPv6 the server is asked and named in brackets", { timeout }, async (t) => {
  const server = await Scripted.open(t, "::1");
  const failed = failure(get(server.url(), { plain: true }).bytes());
  await (await server.asked("rrq")).send(error(1, "not here"));
  assert.match((await failed).message, new RegExp(`^\\[::1\\]:${server.port.address.port} `));
});

test("an OACK that comes again is acknowledged again", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const text = get(server.url(), { timeoutMillis: 50 }).text();
  const { send, tid } = await server.asked("rrq");
  await send(oack({ tsize: 5 }));
  await tid.expectAck(0);
  await tid.expectAck(0); // after its timeout
  await send(data(1, "hello"));
  assert.equal(await text, "hello");
});
