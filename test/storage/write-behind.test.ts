// Small writes gathered into large ones: what waits, what is promised, and who hears of a failure.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sink } from "../../src/ports.ts";
import { WriteBehind } from "../../src/storage/write-behind.ts";

/** Keeps what it is given; a write may be held back or fail. */
class KeepingSink implements Sink {
  readonly writes: Buffer[] = [];
  readonly calls: string[] = [];
  gate: Promise<void> | undefined;
  failure: Error | undefined;

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    this.calls.push("write");
    await this.gate;
    if (this.failure) throw this.failure;
    this.writes.push(Buffer.concat(payloads));
  }

  async commit(): Promise<void> {
    this.calls.push("commit");
  }

  async discard(): Promise<void> {
    this.calls.push("discard");
  }
}

test("small blocks become few writes, in order, and their memory is free at once", async () => {
  const kept = new KeepingSink();
  const sink = new WriteBehind(kept);
  const expected: Buffer[] = [];
  const block = Buffer.alloc(512);
  for (let count = 0; count < 1000; count++) {
    block.fill(count);
    expected.push(Buffer.from(block));
    await sink.writev([block]);
  }
  await sink.commit();
  assert.ok(Buffer.concat(kept.writes).equals(Buffer.concat(expected)));
  assert.ok(kept.writes.length <= 8, `${kept.writes.length} writes`);
  assert.equal(kept.calls.at(-1), "commit");
});

test("a payload larger than the buffer goes through whole", async () => {
  const kept = new KeepingSink();
  const sink = new WriteBehind(kept);
  const payloads = [Buffer.alloc(10, 1), Buffer.alloc(200_000, 2), Buffer.alloc(10, 3)];
  await sink.writev(payloads);
  await sink.commit();
  assert.ok(Buffer.concat(kept.writes).equals(Buffer.concat(payloads)));
});

test("a slow sink holds the writer back after two buffers", async () => {
  const kept = new KeepingSink();
  let open = (): void => {};
  kept.gate = new Promise((resolve) => {
    open = resolve;
  });
  const sink = new WriteBehind(kept);
  let taken = 0;
  const writing = (async () => {
    for (; taken < 10; taken++) await sink.writev([Buffer.alloc(64 * 1024)]);
  })();
  for (let turn = 0; turn < 20; turn++) await new Promise((soon) => setImmediate(soon));
  assert.equal(taken, 2);
  open();
  await writing;
  await sink.commit();
  assert.equal(Buffer.concat(kept.writes).length, 10 * 64 * 1024);
});

test("a write that fails is told by the next one, or by commit", async () => {
  for (const more of [0, 3]) {
    const kept = new KeepingSink();
    kept.failure = new Error("disk full");
    const sink = new WriteBehind(kept);
    const writeAndCommit = async (): Promise<void> => {
      for (let count = 0; count <= more; count++) await sink.writev([Buffer.alloc(64 * 1024)]);
      await sink.commit();
    };
    await assert.rejects(writeAndCommit(), /disk full/);
    assert.ok(!kept.calls.includes("commit"), "what is not written is not committed");
    await sink.discard();
    assert.equal(kept.calls.at(-1), "discard");
  }
});

test("what is discarded is not written any more", async () => {
  const kept = new KeepingSink();
  const sink = new WriteBehind(kept);
  await sink.writev([Buffer.from("half")]);
  await sink.discard();
  await sink.commit(); // which is the sink's own to refuse
  assert.deepEqual(kept.calls, ["discard", "commit"]);
});

test("what is taken at once stands in order with what was waited for", async () => {
  const kept = new KeepingSink();
  const sink = new WriteBehind(kept);
  const expected: Buffer[] = [];
  let atOnce = 0;
  for (let count = 0; count < 1000; count++) {
    const block = Buffer.alloc(500 + (count % 9), count);
    expected.push(block);
    if (count % 3 > 0 && sink.writeAtOnce([block])) atOnce += 1;
    else await sink.writev([block]);
  }
  await sink.commit();
  assert.ok(Buffer.concat(kept.writes).equals(Buffer.concat(expected)));
  assert.ok(atOnce > 500, `only ${atOnce} at once`);
});

test("what is larger than the buffer is not taken at once, but written", async () => {
  const kept = new KeepingSink();
  const sink = new WriteBehind(kept);
  const large = Buffer.alloc(64 * 1024 + 1, 1);
  assert.equal(sink.writeAtOnce([large]), false);
  await sink.writev([large]);
  await sink.commit();
  assert.ok(Buffer.concat(kept.writes).equals(large));
});

test("nothing is taken at once from whom the disk must be waited for, or has failed", async () => {
  const kept = new KeepingSink();
  let open = (): void => {};
  kept.gate = new Promise((resolve) => {
    open = resolve;
  });
  const sink = new WriteBehind(kept);
  const block = Buffer.alloc(32 * 1024);
  let taken = 0;
  while (taken < 100 && sink.writeAtOnce([block])) taken += 1;
  assert.equal(taken, 4, "one buffer that is written, one that is full");
  kept.failure = new Error("disk full");
  open();
  await new Promise((soon) => setImmediate(soon));
  assert.equal(sink.writeAtOnce([block]), false);
  await assert.rejects(sink.writev([block]), /disk full/);
});
