// Content as streams, both ways: back-pressure, progress, early ends.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { type Content, generated, get, put, type Sink, TftpError } from "../../src/index.ts";
import { assertSame, failure, noise, pair } from "./pair.ts";

const timeout = 30_000;

test("a slow reader is never outrun by more than two windows and a read", {
  timeout,
}, async (t) => {
  let pulled = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 4000; count++) {
      pulled += 1024;
      yield new Uint8Array(1024);
    }
  }
  const { url } = await pair(t, { storage: generated(() => endless()) });
  const [blksize, windowsize] = [1024, 4];
  const ahead = 2 * windowsize * blksize + 64 * blksize; // a fill loads up to 64 blocks
  let read = 0;
  for await (const chunk of get(url("x"), { blksize, windowsize })) {
    // Whatever could be pulled meanwhile has been: the reader gives every other party its turns.
    for (let turn = 0; turn < 3; turn++) await new Promise((soon) => setImmediate(soon));
    assert.ok(pulled - read <= ahead + windowsize * blksize, `${pulled} pulled, ${read} read`);
    read += chunk.length;
  }
  assert.equal(read, 4000 * 1024);
});

test("leaving the loop ends the transfer on both sides", { timeout }, async (t) => {
  let ended = (): void => {};
  const over = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const seen: (string | undefined)[] = [];
  const { storage, url } = await pair(t, {
    onEvent: (event) => {
      if (event.kind !== "ended") return;
      seen.push(event.ending, event.error?.origin);
      ended();
    },
  });
  storage.files.set("big", noise(3_000_000));
  let count = 0;
  for await (const chunk of get(url("big"), { blksize: 1428, windowsize: 4 })) {
    assert.ok(chunk.length > 0);
    if (++count === 10) break;
  }
  await over;
  assert.deepEqual(seen, ["aborted", "remote"]);
});

test("an error thrown in the loop comes out, and the transfer ends", { timeout }, async (t) => {
  const { storage, url, server } = await pair(t);
  storage.files.set("big", noise(3_000_000));
  await assert.rejects(async () => {
    for await (const _ of get(url("big"))) throw new RangeError("mine");
  }, RangeError);
  await server.close({ graceMillis: 10_000 });
});

test("chunks come in order and whole", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  const content = noise(1_000_000);
  storage.files.set("big", content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of get(url("big"), { windowsize: 16 })) chunks.push(chunk);
  assertSame(Buffer.concat(chunks), content, "chunks");
});

test("a download is read once", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  storage.files.set("x", noise(10));
  const download = get(url("x"));
  await download.bytes();
  assert.equal((await failure(download.bytes())).code, "INVALID_ARGUMENT");
});

test("an aborted signal ends a transfer before it begins", { timeout }, async (t) => {
  const { url, events } = await pair(t);
  const reason = new Error("why");
  const signal = AbortSignal.abort(reason);
  for (const run of [get(url("x"), { signal }).bytes(), put(url("x"), noise(9), { signal })]) {
    const thrown = await failure(run);
    assert.equal(thrown.code, "ABORTED");
    assert.equal(thrown.cause, reason);
  }
  assert.ok(events.every(({ kind }) => kind === "listening"));
});

for (const way of ["get", "put"]) {
  test(`a signal ends a ${way} under way, and the server hears of it`, { timeout }, async (t) => {
    let ended = (_: string): void => {};
    const ending = new Promise<string>((resolve) => {
      ended = resolve;
    });
    const { storage, url } = await pair(t, {
      onEvent: (event) => event.kind === "ended" && ended(event.ending),
    });
    const content = noise(3_000_000);
    storage.files.set("big", content);
    const stop = new AbortController();
    const onProgress = ({ bytes }: { readonly bytes: number }): void => {
      if (bytes > 100_000) stop.abort();
    };
    const options = { signal: stop.signal, onProgress, blksize: 1024, windowsize: 4 };
    const run = way === "get" ? get(url("big"), options).bytes() : put(url("up"), content, options);
    assert.equal((await failure(run)).code, "ABORTED");
    assert.equal(await ending, "aborted");
    assert.equal(storage.files.has("up"), false);
  });
}

test("progress rises up to the size, both ways", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  const content = noise(500_000);
  storage.files.set("big", content);
  for (const way of ["get", "put"]) {
    const values: number[] = [];
    const onProgress = (progress: { readonly bytes: number; readonly size?: number }): void => {
      assert.equal(progress.size, 500_000);
      assert.ok(progress.bytes >= (values.at(-1) ?? 0));
      values.push(progress.bytes);
    };
    const options = { onProgress, windowsize: 4, blksize: 1024 };
    if (way === "get") await get(url("big"), options).bytes();
    else await put(url("up"), content, options);
    assert.equal(values.at(-1), 500_000, way);
    assert.ok(new Set(values).size > 10, `${way}: ${values.length} reports`);
  }
});

test("a stream is put with its size and without", { timeout }, async (t) => {
  const { storage, url, events } = await pair(t);
  const content = noise(100_000);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += 777) yield content.subarray(at, at + 777);
  }
  await put(url("a"), pieces());
  await put(url("b"), pieces(), { size: 100_000 });
  assertSame(storage.files.get("a"), content, "without a size");
  assertSame(storage.files.get("b"), content, "with a size");
  const sizes = events.flatMap((event) => (event.kind === "started" ? [event.transfer.size] : []));
  assert.deepEqual(sizes, [undefined, 100_000]);
});

test("a stream that is not as long as it said, or that fails, leaves no file", {
  timeout,
}, async (t) => {
  const { storage, url } = await pair(t);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield noise(100_000);
    throw new Error("the disk is gone");
  }
  async function* short(): AsyncGenerator<Uint8Array> {
    yield noise(99_999);
  }
  const failed = await failure(put(url("a"), broken()));
  assert.equal(failed.code, "STORAGE");
  assert.match(String(failed.cause), /disk is gone/);
  assert.equal((await failure(put(url("b"), short(), { size: 100_000 }))).code, "STORAGE");
  assert.deepEqual([...storage.files.keys()], []);
});

test("a sink that fails in the middle is discarded, and the error is its own", {
  timeout,
}, async (t) => {
  const { storage, url } = await pair(t);
  storage.files.set("big", noise(1_000_000));
  let written = 0;
  let discarded = 0;
  const sink: Sink = {
    writev: async (payloads) => {
      written += payloads.length;
      if (written > 50) throw new Error("no room");
    },
    commit: async () => assert.fail("nothing is to be committed"),
    discard: async () => {
      discarded += 1;
    },
  };
  const thrown = await failure(get(url("big"), { blksize: 1024, windowsize: 4 }).into(sink));
  assert.equal(thrown.code, "STORAGE");
  assert.match(String(thrown.cause), /no room/);
  assert.equal(discarded, 1);
});

test("a sink whose commit fails makes the transfer fail", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  storage.files.set("x", noise(1000));
  const sink: Sink = {
    writev: async () => {},
    commit: async () => {
      throw new Error("no room for the name");
    },
    discard: async () => {},
  };
  const thrown = await failure(get(url("x")).into(sink));
  assert.equal(thrown.code, "STORAGE");
});

test("generated content is made for each request", { timeout }, async (t) => {
  const handler = ({ name, client, options }: { name: string; client: object; options: object }) =>
    JSON.stringify({ name, client: Object.keys(client), options: Object.keys(options) }) as Content;
  const { url } = await pair(t, { storage: generated(handler) });
  assert.match(await get(url("grub/x.cfg")).text(), /"name":"grub\/x.cfg"/);
});

test("what is no sink is told at once", { timeout }, async (t) => {
  const { storage, url, events } = await pair(t);
  storage.files.set("x", noise(1000));
  const wrongs: unknown[] = [undefined, null, 5, new PassThrough(), Promise.resolve(), {}];
  for (const wrong of wrongs) {
    const thrown = await failure(get(url("x")).into(wrong as Sink));
    assert.deepEqual([thrown.code, thrown.message], ["INVALID_ARGUMENT", "that is no sink"]);
  }
  assert.equal(events.filter(({ kind }) => kind === "started").length, 0);
});

test("a sink that cannot be put away hides no error", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  storage.files.set("x", noise(1000));
  const sink: Sink = {
    writev: () => Promise.reject(new TftpError("DISK_FULL", "no room")),
    commit: async () => {},
    discard: () => Promise.reject(new Error("not now")),
  };
  assert.equal((await failure(get(url("x")).into(sink))).code, "DISK_FULL");
});

test("a stream that another reader has is told by a TftpError", { timeout }, async (t) => {
  const { url } = await pair(t);
  const stream = new ReadableStream<Uint8Array>();
  stream.getReader();
  assert.equal((await failure(put(url("x"), stream))).code, "STORAGE");
});
