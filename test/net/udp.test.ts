// The socket of this machine, on loopback.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { TftpError } from "../../src/core/errors.ts";
import { Run } from "../../src/core/run.ts";
import { openSocket } from "../../src/net/node-network.ts";
import type { Address, DatagramSocket } from "../../src/ports.ts";

const module = new URL("../../src/net/node-network.js", import.meta.url);
const runs = new URL("../../src/core/run.js", import.meta.url);

const run = promisify(execFile);
const plainly = { timeout: 20_000, env: { ...process.env, TIDEWIRE_OFFLOAD: "off" } };

/** The next `count` datagrams that arrive, with their sender. */
function received(socket: DatagramSocket, count: number): Promise<[Uint8Array, Address][]> {
  return new Promise((resolve) => {
    const all: [Uint8Array, Address][] = [];
    socket.onDatagram = (datagram, from) => {
      if (all.push([datagram, from]) === count) resolve(all);
    };
  });
}

async function pair(host: string): Promise<[DatagramSocket, DatagramSocket]> {
  return [await openSocket({ host, port: 0 }), await openSocket({ host, port: 0 })];
}

for (const host of ["127.0.0.1", "::1"]) {
  test(`a datagram travels over ${host} and names its sender as that knows itself`, async () => {
    const [a, b] = await pair(host);
    const arrived = received(b, 1);
    a.send(Run.of(Uint8Array.of(1, 2, 3)), b.local);
    const [[datagram, from] = []] = await arrived;
    assert.deepEqual([...(datagram ?? [])], [1, 2, 3]);
    assert.deepEqual(from, a.local);
    assert.equal(from?.host, host);
    await Promise.all([a.close(), b.close()]);
  });
}

test("datagrams that came one after the other can all be kept", async () => {
  const [a, b] = await pair("127.0.0.1");
  const arrived = received(b, 100);
  const sent = Array.from({ length: 100 }, (_, at) => new Uint8Array(1000).fill(at));
  for (const datagram of sent) a.send(Run.of(datagram), b.local);
  for (const [at, [datagram]] of (await arrived).entries()) {
    assert.deepEqual([datagram.length, ...new Set(datagram)], [1000, at]);
  }
  await Promise.all([a.close(), b.close()]);
});

test("a run is cut into segments, the last one shorter", async () => {
  const [a, b] = await pair("127.0.0.1");
  const arrived = received(b, 4);
  const bytes = Uint8Array.from({ length: 10 }, (_, index) => index);
  a.send(Run.of(bytes, 3), b.local);
  const datagrams = (await arrived).map(([datagram]) => [...datagram]);
  assert.deepEqual(datagrams, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]);
  await Promise.all([a.close(), b.close()]);
});

test("a socket whose datagrams wait is not writable, and tells when they are gone", async () => {
  const script = `
    const { openSocket } = await import("${module}");
    const { Run } = await import("${runs}");
    const a = await openSocket({ host: "127.0.0.1", port: 0 });
    const b = await openSocket({ host: "127.0.0.1", port: 0 });
    let arrived = 0, writable = 0;
    b.onDatagram = () => {
      if (++arrived < 19) return;
      console.log(arrived, writable);
      process.exit();
    };
    a.onWritable = () => { writable += 1; console.log(a.writable); };
    console.log(a.writable);
    a.send(Run.of(new Uint8Array(160), 10), b.local);
    console.log(a.writable);
    a.send(Run.of(new Uint8Array(30), 10), b.local);`;
  // The flag makes every send go through the queue, which a full network card does otherwise.
  const args = ["--test-udp-no-try-send", "--input-type=module", "--eval", script];
  const { stdout } = await run(process.execPath, args, plainly);
  assert.deepEqual(stdout.trim().split("\n"), ["true", "false", "true", "19 1"]);
});

test("who sends on although the socket is not writable fills a queue with a limit", async () => {
  const script = `
    const { openSocket } = await import("${module}");
    const { Run } = await import("${runs}");
    const a = await openSocket({ host: "127.0.0.1", port: 0 });
    const b = await openSocket({ host: "127.0.0.1", port: 0 });
    let arrived = 0;
    b.onDatagram = () => { arrived += 1; };
    a.onWritable = () => setTimeout(() => { console.log(arrived); process.exit(); }, 200);
    for (let sent = 0; sent < 400; sent += 1) a.send(Run.of(Uint8Array.of(sent)), b.local);`;
  const args = ["--test-udp-no-try-send", "--input-type=module", "--eval", script];
  const { stdout } = await run(process.execPath, args, plainly);
  assert.equal(stdout.trim(), "256");
});

test("the system's error of a send reaches onError, and nothing is thrown", async () => {
  const socket = await openSocket({ host: "127.0.0.1", port: 0 });
  const failing = (bytes: number, to: Address): Promise<NodeJS.ErrnoException> =>
    new Promise((resolve) => {
      socket.onError = resolve;
      socket.send(Run.of(new Uint8Array(bytes)), to);
    });
  const to = { host: "127.0.0.1", port: 9 };
  assert.equal((await failing(65_530, to)).code, "EMSGSIZE");
  assert.equal((await failing(1, { ...to, port: 0 })).code, "ERR_SOCKET_BAD_PORT");
  assert.match((await failing(1, { ...to, host: "::1" })).code ?? "", /^(EINVAL|EAFNOSUPPORT)$/);
  await socket.close();
});

test("what follows a datagram that the system refuses leaves from the same port", async () => {
  const [a, b] = await pair("127.0.0.1");
  const c = await openSocket({ host: "127.0.0.1", port: 0 });
  const arrived = received(b, 2);
  a.onDatagram = () => {
    a.send(Run.of(new Uint8Array(70_000)), b.local);
    a.send(Run.of(Uint8Array.of(1)), b.local);
    c.send(Run.of(Uint8Array.of(2)), b.local);
  };
  b.send(Run.of(Uint8Array.of(0)), a.local);
  const ports = (await arrived).map(([datagram, { port }]) => [datagram[0], port]);
  assert.deepEqual(ports, [
    [1, a.local.port],
    [2, c.local.port],
  ]);
  await Promise.all([a.close(), b.close(), c.close()]);
});

test("a peer that is gone is no error of the socket", async () => {
  const [a, b] = await pair("127.0.0.1");
  const c = await openSocket({ host: "127.0.0.1", port: 0 });
  await b.close();
  a.onError = assert.fail;
  a.send(Run.of(Uint8Array.of(1)), b.local);
  const arrived = received(c, 1);
  a.send(Run.of(Uint8Array.of(2)), c.local);
  await arrived;
  await Promise.all([a.close(), c.close()]);
});

test("a closed socket calls no handler, sends nothing and may be closed again", async () => {
  const [a, b] = await pair("127.0.0.1");
  b.onDatagram = assert.fail;
  b.onError = assert.fail;
  b.onWritable = assert.fail;
  a.send(Run.of(Uint8Array.of(1)), b.local);
  b.send(Run.of(new Uint8Array(65_530)), a.local);
  await Promise.all([b.close(), b.close()]);
  b.send(Run.of(Uint8Array.of(1)), a.local);
  await b.close();
  await a.close();
});

test("without handlers nothing happens", async () => {
  const [a, b] = await pair("127.0.0.1");
  a.send(Run.of(Uint8Array.of(1)), b.local);
  a.send(Run.of(new Uint8Array(65_530)), b.local);
  await new Promise(setImmediate);
  await Promise.all([a.close(), b.close()]);
});

test("a socket for windows has larger buffers than one for lock-step", async () => {
  const local = { host: "127.0.0.1", port: 0 };
  const [large, small] = [await openSocket(local), await openSocket(local, { lockStep: true })];
  assert.ok(large.receiveBufferBytes >= small.receiveBufferBytes);
  assert.ok(small.receiveBufferBytes > 0);
  await Promise.all([large.close(), small.close()]);
});

async function bindFailure(local: Address): Promise<TftpError> {
  const error = await openSocket(local).then(
    () => assert.fail("the socket was opened"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TftpError);
  assert.equal(error.code, "NETWORK");
  return error;
}

test("a port in use is named, with what to do", async () => {
  const first = await openSocket({ host: "127.0.0.1", port: 0 });
  const error = await bindFailure(first.local);
  assert.equal(error.message, `port ${first.local.port} is in use on 127.0.0.1`);
  assert.match(error.hint ?? "", /Another TFTP server is running/);
  assert.equal((error.cause as NodeJS.ErrnoException).code, "EADDRINUSE");
  await first.close();
});

test("an address of another machine is named", async () => {
  const error = await bindFailure({ host: "198.51.100.7", port: 0 });
  assert.equal(error.message, "this machine has no address 198.51.100.7");
  assert.match(error.hint ?? "", /0\.0\.0\.0/);
});

test("what is no address is told as that", async () => {
  const error = await bindFailure({ host: "not an address", port: 0 });
  assert.equal(error.message, "not an address is no IP address");
  assert.match(String(error.cause), /EINVAL/);
});

test("an open socket keeps the process alive until it is unreferenced", async () => {
  const script = `
    const { openSocket } = await import("${module}");
    const socket = await openSocket({ host: "127.0.0.1", port: 0 });
    socket.unref();
    process.on("exit", () => console.log("ended"));`;
  const args = ["--input-type=module", "--eval", script];
  const { stdout } = await run(process.execPath, args, { timeout: 20_000 });
  assert.equal(stdout, "ended\n");
});
