// Several hundred transfers at once in one process: each file arrives whole, none is mixed up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { assertSame, noise, pair } from "./pair.ts";

const timeout = 60_000;

test("300 files are fetched at once", { timeout }, async (t) => {
  const { storage, url, events, server } = await pair(t);
  const files = Array.from({ length: 300 }, (_, index) => noise(65_536 + index, index * 2 + 1));
  for (const [index, content] of files.entries()) storage.files.set(`f${index}`, content);
  await Promise.all(
    files.map(async (content, index) => {
      const options = index % 3 === 0 ? { plain: true } : index % 3 === 1 ? {} : { blksize: 1428 };
      assertSame(await get(url(`f${index}`), options).bytes(), content, `file ${index}`);
    }),
  );
  await server.close({ graceMillis: 10_000 });
  const endings = events.flatMap((event) => (event.kind === "ended" ? [event.ending] : []));
  // A request that was repeated in the crowd may have been read after its transfer was over.
  const done = endings.filter((ending) => ending === "completed" || ending === "unconfirmed");
  assert.equal(done.length, 300, endings.join());
});

test("100 files are brought and 100 fetched at once", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  const content = noise(40_000);
  storage.files.set("same", content);
  await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const own = noise(20_000 + index, index * 2 + 1);
      const brought = put(url(`up${index}`), own, { blksize: 1024, windowsize: 4 });
      assertSame(await get(url("same"), { windowsize: 8 }).bytes(), content, `get ${index}`);
      await brought;
      assertSame(storage.files.get(`up${index}`), own, `put ${index}`);
    }),
  );
});

test("1000 small files one after the other leave nothing behind", { timeout }, async (t) => {
  const { storage, url, server } = await pair(t);
  storage.files.set("small", noise(700));
  for (let count = 0; count < 1000; count++) {
    assert.equal((await get(url("small"), { plain: true }).bytes()).length, 700);
  }
  assert.ok(server.snapshot().length <= 1);
});

test("of ports that only repeat a last ACK no more than a hundred stay", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  storage.files.set("small", noise(700));
  let [open, most] = [0, 0];
  const tap = {
    opened: () => void (most = Math.max(most, ++open)),
    closed: () => void open--,
  };
  for (let count = 0; count < 150; count++) await get(url("small"), { tap }).bytes();
  assert.ok(most > 100 && most <= 102, `${most} were open`);
});
