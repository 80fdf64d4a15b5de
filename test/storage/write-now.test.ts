// Writes in the call itself: what is gathered, what is not copied, and who hears of a failure.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ImmediateSink, WriteNow } from "../../src/storage/write-now.ts";

class KeepingSink implements ImmediateSink {
  readonly writes: Buffer[] = [];
  readonly given: Uint8Array[] = [];
  readonly calls: string[] = [];
  failure: Error | undefined;

  writeNow(payloads: readonly Uint8Array[]): void {
    if (this.failure) throw this.failure;
    this.writes.push(Buffer.concat(payloads));
    this.given.push(...payloads);
  }

  async writev(): Promise<void> {
    assert.fail("nobody waits");
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
  const sink = new WriteNow(kept);
  const expected: Buffer[] = [];
  const block = Buffer.alloc(512);
  for (let count = 0; count < 1000; count++) {
    block.fill(count);
    expected.push(Buffer.from(block));
    assert.equal(sink.writeAtOnce([block]), true);
  }
  await sink.commit();
  assert.ok(Buffer.concat(kept.writes).equals(Buffer.concat(expected)));
  assert.ok(kept.writes.length <= 9, `${kept.writes.length} writes`);
  assert.deepEqual(kept.calls, ["commit"]);
});

test("a large batch is written before the call returns, and not copied", () => {
  const kept = new KeepingSink();
  const sink = new WriteNow(kept);
  const batch = [Buffer.alloc(40_000, 1), Buffer.alloc(40_000, 2)];
  sink.writeAtOnce([Buffer.alloc(10, 3)]);
  assert.equal(kept.writes.length, 0);
  sink.writeAtOnce(batch);
  assert.deepEqual(kept.writes, [Buffer.concat([Buffer.alloc(10, 3), ...batch])]);
  assert.equal(kept.given[1], batch[0]);
});

test("a failure ends everything: no more is taken, and nothing is committed", async () => {
  const kept = new KeepingSink();
  const sink = new WriteNow(kept);
  kept.failure = new Error("full");
  const batch = [Buffer.alloc(100_000)];
  assert.equal(sink.writeAtOnce(batch), false);
  kept.failure = undefined;
  await assert.rejects(sink.writev(batch), { message: "full" });
  await assert.rejects(sink.commit(), { message: "full" });
  await sink.discard();
  assert.deepEqual(kept.calls, ["discard"]);
  assert.deepEqual(kept.writes, []);
});

test("what was gathered may fail as late as at the commit", async () => {
  const kept = new KeepingSink();
  const sink = new WriteNow(kept);
  await sink.writev([Buffer.alloc(10)]);
  kept.failure = new Error("full");
  await assert.rejects(sink.commit(), { message: "full" });
  assert.deepEqual(kept.calls, []);
});
