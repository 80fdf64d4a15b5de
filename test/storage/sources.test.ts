import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { TftpError } from "../../src/core/errors.ts";
import { bytesSource, sourceOf } from "../../src/storage/sources.ts";
import { fails, readWhole } from "./scene.ts";

async function* chunks(...lengths: number[]): AsyncGenerator<Uint8Array> {
  for (const [at, length] of lengths.entries()) yield Buffer.alloc(length, at + 1);
}

test("bytes are given whole, with their size and version", async () => {
  const bytes = Buffer.from("some bytes");
  const source = bytesSource(bytes, "v");
  assert.equal(source.size, 10);
  assert.equal(source.version, "v");
  assert.deepEqual(await readWhole(source, 4), bytes);
  assert.equal(await source.readv([Buffer.alloc(4)], 10), 0);
  assert.equal(bytesSource(bytes).version, undefined);
});

test("a stream is given whole, however its chunks and the reads are cut", async () => {
  const lengths = fc.array(fc.nat({ max: 50 }), { maxLength: 10 });
  const property = fc.asyncProperty(
    lengths,
    fc.integer({ min: 1, max: 70 }),
    fc.boolean(),
    async (sizes, step, sized) => {
      const expected = Buffer.concat(sizes.map((length, at) => Buffer.alloc(length, at + 1)));
      const source = sourceOf(chunks(...sizes), sized ? expected.length : undefined);
      assert.deepEqual(await readWhole(source, step), expected);
    },
  );
  await fc.assert(property, { numRuns: 300 });
});

test("a stream is pulled only as far as a read asks", async () => {
  let pulled = 0;
  const source = sourceOf(
    (function* () {
      for (;;) yield Buffer.alloc(10, ++pulled);
    })(),
  );
  assert.equal(pulled, 0);
  await source.readv([Buffer.alloc(15)], 0);
  assert.equal(pulled, 2);
  await source.readv([Buffer.alloc(5)], 15);
  assert.equal(pulled, 2);
  await source.close();
});

test("a stream is read once and in order", async () => {
  const source = sourceOf(chunks(10));
  await source.readv([Buffer.alloc(5)], 0);
  await fails(source.readv([Buffer.alloc(5)], 0), "STORAGE");
  await fails(source.readv([Buffer.alloc(5)], 6), "STORAGE");
  assert.equal(await source.readv([Buffer.alloc(9)], 5), 5);
  assert.equal(await source.readv([Buffer.alloc(9)], 10), 0);
});

test("a stream that yields less than its size is an error", async () => {
  await fails(readWhole(sourceOf(chunks(5, 4), 10)), "STORAGE");
  await fails(readWhole(sourceOf(chunks(), 1)), "STORAGE");
});

test("a stream that yields more than its size never gives its last byte", async () => {
  await fails(readWhole(sourceOf(chunks(5, 6), 10)), "STORAGE");
  await fails(readWhole(sourceOf(chunks(10, 0, 1), 10)), "STORAGE");
  await fails(readWhole(sourceOf(chunks(1), 0)), "STORAGE");
});

test("close ends the stream, once", async () => {
  let ended = 0;
  const source = sourceOf(
    (async function* () {
      try {
        yield Buffer.alloc(10);
        yield Buffer.alloc(10);
      } finally {
        ended++;
      }
    })(),
  );
  await source.readv([Buffer.alloc(1)], 0);
  await source.close();
  await source.close();
  assert.equal(ended, 1);
  await fails(source.readv([Buffer.alloc(1)], 1), "ABORTED");
});

test("close does not wait for a stream that never answers", async () => {
  let returned = 0;
  const silent: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => undefined),
      return: () => {
        returned++;
        return new Promise(() => undefined);
      },
    }),
  };
  const source = sourceOf(silent);
  void source.readv([Buffer.alloc(1)], 0);
  await source.close();
  await source.close();
  assert.equal(returned, 1);
});

test("only a TftpError of a stream passes as it is", async () => {
  const failing = (error: Error) =>
    sourceOf({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
    });
  const private_ = new Error("password in here");
  const error = await fails(failing(private_).readv([Buffer.alloc(1)], 0), "STORAGE");
  assert.equal(error.cause, private_);
  assert.doesNotMatch(error.message, /password/);
  await fails(failing(new TftpError("BUSY", "later")).readv([Buffer.alloc(1)], 0), "BUSY");
});

test("chunks that are no bytes are an error", async () => {
  const words = ["text"] as unknown as Iterable<Uint8Array>;
  await fails(readWhole(sourceOf(words)), "STORAGE");
});

test("sourceOf takes bytes and streams, and holds both to their size", async () => {
  assert.equal((await readWhole(sourceOf(Buffer.from("abc"), 3))).toString(), "abc");
  assert.throws(() => sourceOf(Buffer.from("abc"), 4), { code: "STORAGE" });
  assert.equal(sourceOf(chunks(3)).size, undefined);
  assert.equal((await readWhole(sourceOf(chunks(3), 3))).length, 3);
});

test("a stream of Node that fails before it is read makes the first read fail", async () => {
  const stream = createReadStream("/nonexistent/file");
  const source = sourceOf(stream);
  await new Promise<void>((resolve) => stream.once("close", () => resolve()));
  await fails(source.readv([Buffer.alloc(1)], 0), "STORAGE");
});

for (const when of ["before it is read", "while a read waits", "in the middle"]) {
  test(`close lets go of a stream of Node ${when}`, async () => {
    const stream = new PassThrough();
    const source = sourceOf(stream);
    if (when === "in the middle") {
      stream.write("ab");
      await source.readv([Buffer.alloc(1)], 0);
    }
    const read = when === "while a read waits" ? source.readv([Buffer.alloc(1)], 0) : undefined;
    await source.close();
    assert.equal(stream.destroyed, true);
    if (read) await fails(read, "STORAGE");
  });

  test(`close cancels a stream of the web ${when}`, async () => {
    let cancelled = false;
    const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
      if (when === "in the middle") controller.enqueue(Buffer.from("ab"));
    };
    const cancel = (): void => void (cancelled = true);
    const source = sourceOf(new ReadableStream({ start, cancel }));
    if (when === "in the middle") await source.readv([Buffer.alloc(1)], 0);
    const read = when === "while a read waits" ? source.readv([Buffer.alloc(1)], 0) : undefined;
    await source.close();
    assert.equal(cancelled, true);
    if (read) await fails(read, "ABORTED");
  });
}

test("a stream of many tiny chunks lets others have their turn", async () => {
  const tiny = (function* () {
    for (;;) yield new Uint8Array(1);
  })();
  const source = sourceOf(tiny);
  let turns = 0;
  const turning = setInterval(() => (turns += 1));
  await source.readv([Buffer.alloc(65_000)], 0);
  clearInterval(turning);
  assert.ok(turns > 1, `${turns} turns`);
  await source.close();
});
