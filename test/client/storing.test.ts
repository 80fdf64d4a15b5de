// What is acknowledged is stored: a client never says that it has what its sink has not taken.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, type Sink, TftpError } from "../../src/index.ts";
import { failure } from "../loopback/pair.ts";
import { data, oack } from "../server/device.ts";
import { Scripted } from "./scripted.ts";

const timeout = 30_000;

/** Each call of `step` waits until it is let through. */
class Gate {
  readonly #waiting: (() => void)[] = [];
  #onArrival: () => void = () => {};

  step(): Promise<void> {
    return new Promise((pass) => {
      this.#waiting.push(pass);
      this.#onArrival();
    });
  }

  /** Resolves when somebody waits at the gate, with what lets it through. */
  async arrival(): Promise<() => void> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((arrived) => {
        this.#onArrival = arrived;
      });
    }
    return this.#waiting.shift() as () => void;
  }
}

test("no block is acknowledged before the sink has taken it", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const [writes, commits] = [new Gate(), new Gate()];
  const sink: Sink = {
    writev: () => writes.step(),
    commit: () => commits.step(),
    discard: async () => assert.fail("nothing is to be discarded"),
  };
  const done = get(server.url(), { plain: true }).into(sink);
  const { send, tid } = await server.asked("rrq");
  await send(data(1, Buffer.alloc(512)));
  const first = await writes.arrival();
  await tid.expectSilence();
  first();
  await tid.expectAck(1);
  await send(data(2, "end"));
  const second = await writes.arrival();
  await tid.expectSilence();
  second();
  const commit = await commits.arrival();
  await tid.expectSilence();
  commit();
  await tid.expectAck(2);
  assert.equal((await done).bytes, 515);
});

test("a sink that fails tells the server and the caller", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  let discarded = 0;
  const sink: Sink = {
    writev: async () => {
      throw new TftpError("DISK_FULL", "no room");
    },
    commit: async () => {},
    discard: async () => {
      discarded += 1;
    },
  };
  const failed = failure(get(server.url(), { plain: true }).into(sink));
  const { send, tid } = await server.asked("rrq");
  await send(data(1, "hello"));
  assert.equal((await tid.expectError(3)).packet.message, "no room");
  const thrown = await failed;
  assert.equal(thrown.code, "DISK_FULL");
  assert.equal(thrown.origin, "local");
  assert.equal(discarded, 1);
});

for (const call of ["writev", "discard"] as const) {
  test(`an aborted download does not wait for a ${call} that never ends`, {
    timeout,
  }, async (t) => {
    const server = await Scripted.open(t);
    const abort = new AbortController();
    const [called, never] = [new Gate(), new Promise<void>(() => {})];
    const sink = { writev: async () => {}, commit: async () => {}, discard: async () => {} };
    sink[call] = () => {
      void called.step();
      return never;
    };
    const failed = failure(get(server.url(), { plain: true, signal: abort.signal }).into(sink));
    const { send, tid } = await server.asked("rrq");
    await send(data(1, Buffer.alloc(512)));
    if (call === "writev") await called.arrival();
    else await tid.expectAck(1);
    abort.abort();
    assert.equal((await failed).code, "ABORTED");
  });
}

test("a commit that fails is told to the server in place of the last ACK", {
  timeout,
}, async (t) => {
  const server = await Scripted.open(t);
  const sink: Sink = {
    writev: async () => {},
    commit: async () => {
      throw new TftpError("FILE_EXISTS", "it is there already");
    },
    discard: async () => {},
  };
  const failed = failure(get(server.url(), { plain: true }).into(sink));
  const { send, tid } = await server.asked("rrq");
  await send(data(1, "hello"));
  await tid.expectError(6);
  assert.equal((await failed).code, "FILE_EXISTS");
});

/** What a sink is given, batch by batch. */
function counting(): { readonly sink: Sink; readonly batches: number[] } {
  const batches: number[] = [];
  const sink: Sink = {
    writev: async (payloads) => void batches.push(payloads.length),
    commit: async () => {},
    discard: async () => {},
  };
  return { sink, batches };
}

test("the blocks of a window are stored together", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const { sink, batches } = counting();
  const done = get(server.url(), { blksize: 512, windowsize: 4 }).into(sink);
  const { send, tid } = await server.asked("rrq");
  await send(oack({ blksize: "512", windowsize: "4" }));
  await tid.expectAck(0);
  for (const block of [1, 2, 3, 4]) await send(data(block, Buffer.alloc(512)));
  await tid.expectAck(4);
  await send(data(5, "ab"));
  await tid.expectAck(5);
  assert.equal((await done).bytes, 4 * 512 + 2);
  assert.deepEqual(batches, [4, 1]);
});

test("what came of a window is stored when the rest does not come", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const { sink, batches } = counting();
  const options = { blksize: 512, windowsize: 4, timeoutMillis: 50 };
  const done = get(server.url(), options).into(sink);
  const { send, tid } = await server.asked("rrq");
  await send(oack({ blksize: "512", windowsize: "4" }));
  await tid.expectAck(0);
  for (const block of [1, 2]) await send(data(block, Buffer.alloc(512)));
  await tid.expectAck(2);
  assert.deepEqual(batches, [2]);
  await send(data(3, "end"));
  await tid.expectAck(3);
  assert.equal((await done).bytes, 2 * 512 + 3);
});

test("a batch does not grow beyond 64 KiB, however large the window", { timeout }, async (t) => {
  const server = await Scripted.open(t);
  const { sink, batches } = counting();
  const done = get(server.url(), { blksize: 32_768, windowsize: 4 }).into(sink);
  const { send, tid } = await server.asked("rrq");
  await send(oack({ blksize: "32768", windowsize: "4" }));
  await tid.expectAck(0);
  for (const block of [1, 2, 3, 4]) await send(data(block, Buffer.alloc(32_768)));
  await tid.expectAck(4);
  await send(data(5, "end"));
  await tid.expectAck(5);
  await done;
  assert.deepEqual(batches, [2, 2, 1]);
});
