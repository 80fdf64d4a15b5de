// One process takes the sockets of another one over, while transfers go through these very sockets.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { get, put } from "../../src/index.ts";
import { freePort } from "../net/free-port.ts";
import { folder, script } from "./command.ts";
import { gate, handOver, start, started, trickle } from "./succession.ts";

const linux = { timeout: 60_000, skip: process.platform === "linux" ? false : "needs Linux" };
const patient = { retries: 0, timeoutMillis: 10_000 };
const hasty = { retries: 0, timeoutMillis: 250 };
const well = { status: 0, signal: null };

test("with --single-port no request and no transfer is lost", linux, async (t) => {
  const root = await folder(t);
  const large = Buffer.alloc(6 * 1024 * 1024, "0123456789abcdefghijklmnopq");
  await writeFile(join(root, "a"), "content");
  await writeFile(join(root, "large"), large);
  // A second process is slow to start where others are at work.
  const slowly = [
    "--bytes-per-second-per-transfer",
    "1M",
    "--retries",
    "30",
    "--log",
    "json",
    "--verbose",
  ];
  const old = await start(t, [root, "--single-port", "--uploads", "create", ...slowly]);
  const late = gate();
  const shapes = [{}, { windowsize: 4 }, { blksize: 1428, windowsize: 64 }, { blksize: 8192 }];
  let asked = 0;
  let over = false;
  t.after(() => {
    if (!over) t.diagnostic(`${asked} asked; ${old.output()}`);
    over = true;
  });
  const stream = async (): Promise<void> => {
    while (!over) {
      asked += 1;
      // What nobody takes is not asked for again.
      assert.equal(await get(`${old.url}/a`, patient).text(), "content");
    }
  };
  const streams = Promise.all([stream(), stream()]);
  const begun: Promise<unknown>[] = [old.printed(/"event":"started".*"file":"late"/)];
  const upload = put(`${old.url}/late`, trickle(late.opened));
  const long = shapes.map((shape) => {
    const first = gate();
    begun.push(first.opened);
    return get(`${old.url}/large`, { ...shape, onProgress: first.open }).bytes();
  });
  await Promise.all(begun);
  // One of the stream that is not answered ends the test.
  const unlessFailed = <T>(awaited: Promise<T>): Promise<T> =>
    Promise.race([awaited, streams.then(() => awaited)]);
  const next = await unlessFailed(handOver(old, /[5-9] transfers end here/));
  late.open();
  await upload;
  for (const bytes of await Promise.all(long)) assert.ok(large.equals(bytes));
  assert.equal(readFileSync(join(root, "late"), "utf8"), "first last");
  assert.deepEqual(await old.ended, well);
  const before = asked;
  while (asked < before + 20) await unlessFailed(new Promise(setImmediate));
  over = true;
  await streams;
  await next.stop();
  const completed = old.output().match(/"outcome":"completed"/g)?.length;
  assert.equal(completed, asked + shapes.length + 1);
  assert.deepEqual(troubles(old.output()), []);
});

/** What a server told of that is no transfer. Its port may have been another test's a moment ago:
 * what comes from clients that never began one here is theirs. */
function troubles(output: string): string[] {
  const lines = output.split("\n").filter((line) => line.startsWith("{"));
  const portOf = (line: string): unknown => JSON.parse(line).clientPort;
  const ours = new Set(lines.filter((line) => line.includes('"event":"started"')).map(portOf));
  return lines.filter((line) => {
    const isTrouble = /"event":"(?:stray|problem|refused|ignored)"/.test(line);
    return isTrouble && (portOf(line) === undefined || ours.has(portOf(line)));
  });
}

test("a transfer goes on through one hand-over after the other", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const old = await start(t, [root, "--single-port", "--uploads", "create", "--verbose"]);
  const { opened, open } = gate();
  const first = put(`${old.url}/first.txt`, trickle(opened));
  await old.printed(/first\.txt started/);
  const second = await handOver(old, /1 transfer ends here/);
  const other = put(`${old.url}/second.txt`, trickle(opened));
  await old.printed(/second\.txt started/);
  const third = await handOver(old, /1 transfer ends here/, second.pid);
  assert.equal(await get(`${old.url}/a`, patient).text(), "content");
  open();
  await Promise.all([first, other]);
  assert.equal(readFileSync(join(root, "first.txt"), "utf8"), "first last");
  assert.equal(readFileSync(join(root, "second.txt"), "utf8"), "first last");
  assert.deepEqual(await old.ended, well);
  assert.equal(await get(`${old.url}/a`, patient).text(), "content");
  assert.equal(third.sockets(), 1);
  await third.stop();
});

test(
  "who asks again from the same port is answered by whom it concerns, once",
  linux,
  async (t) => {
    const root = await folder(t);
    await writeFile(join(root, "a"), "content");
    await writeFile(join(root, "b"), "other content");
    // Nothing is sent again while this looks.
    const old = await start(t, [root, "--single-port", "--timeout", "60"]);
    const client = await deviceFor(t, old.url);
    client.send("\0\x01a\0octet\0");
    assert.equal(await client.heard(), "\0\x03\0\x01content");
    const next = await handOver(old, /1 transfer ends here/);
    client.send("\0\x01a\0octet\0");
    assert.equal(await client.heard(), "\0\x03\0\x01content");
    client.send("\0\x01b\0octet\0");
    assert.equal(await client.heard(), "\0\x03\0\x01other content");
    client.send("\0\x04\0\x01");
    // The old process had nothing else to do.
    assert.deepEqual(await old.ended, well);
    client.send("\0\x01a\0octet\0");
    assert.equal(await client.heard(), "\0\x03\0\x01content");
    client.send("\0\x04\0\x01");
    await next.stop();
    assert.equal(client.waiting(), 0);
  },
);

test("who is stopped waits for what runs in the process before it", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const old = await start(t, [root, "--single-port", "--uploads", "create", "--verbose"]);
  const { opened, open } = gate();
  const upload = put(`${old.url}/late.txt`, trickle(opened));
  await old.printed(/late\.txt started/);
  const next = await handOver(old, /1 transfer ends here/);
  process.kill(next.pid, "SIGTERM");
  // It takes nothing more, and has the port still.
  const asks = async (): Promise<string> => get(`${old.url}/a`, hasty).text();
  while ((await asks().catch(({ code }) => code)) !== "TIMED_OUT");
  open();
  await upload;
  await old.closed;
  assert.equal(readFileSync(join(root, "late.txt"), "utf8"), "first last");
  assert.deepEqual(await old.ended, well);
});

test("a transfer ends whole at an address that is not listened on any more", linux, async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const file = join(root, "tidewire.toml");
  const write = async (more: string): Promise<void> => {
    const text = `dir = ${JSON.stringify(root)}\nuploads = "create"\n${more}`;
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  const port = await freePort();
  const single = `port = ${port}\nsingle-port = true\n`;
  await write(`${single}listen = ["127.0.0.1", "127.0.0.2"]\n`);
  const program = [script, "serve", "--config", file, "--verbose", "--allow-root"];
  const old = await started(t, spawn(process.execPath, program, { detached: true }));
  const { opened, open } = gate();
  const upload = put(`tftp://127.0.0.2:${port}/late.txt`, trickle(opened));
  await old.printed(/late\.txt started/);
  await write(`${single}listen = ["127.0.0.1"]\n`);
  const next = await handOver(old, /1 transfer ends here/);
  assert.equal(await get(`${old.url}/a`, patient).text(), "content");
  open();
  await upload;
  assert.equal(readFileSync(join(root, "late.txt"), "utf8"), "first last");
  assert.deepEqual(await old.ended, well);
  const gone = get(`tftp://127.0.0.2:${port}/a`, hasty);
  await assert.rejects(gone.text(), { code: "TIMED_OUT" });
  await next.stop();
});

test("a next process that dies with the sockets takes this one along", linux, async (t) => {
  const root = await folder(t);
  const old = await start(t, [root, "--single-port", "--uploads", "create", "--verbose"]);
  const { opened, open } = gate();
  const upload = put(`${old.url}/late.txt`, trickle(opened), hasty);
  const failed = assert.rejects(upload);
  await old.printed(/late\.txt started/);
  const next = await handOver(old, /1 transfer ends here/);
  process.kill(next.pid, "SIGKILL");
  await old.closed;
  assert.match(old.output(), /late\.txt failed/);
  open();
  await failed;
});

interface Device {
  send(text: string): void;
  heard(): Promise<string>;
  /** What was heard and not asked for. */
  waiting(): number;
}

/** A client with one port for all that it asks. */
async function deviceFor(t: TestContext, url: string): Promise<Device> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => socket.close());
  await once(socket, "listening");
  const heard: string[] = [];
  let wake = (): void => {};
  socket.on("message", (datagram) => {
    heard.push(datagram.toString("latin1"));
    wake();
  });
  return {
    send: (text) =>
      socket.send(Buffer.from(text, "latin1"), Number(new URL(url).port), "127.0.0.1"),
    heard: async () => {
      while (heard.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return heard.shift() as string;
    },
    waiting: () => heard.length,
  };
}
