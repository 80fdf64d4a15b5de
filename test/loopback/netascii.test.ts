// Text in netascii mode: the lines come back as they were, whatever border they fall on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { assertSame, pair } from "./pair.ts";

const timeout = 30_000;
const mode = ";mode=netascii";

test("lines, bare CRs and NULs survive both ways at every border", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  const pieces = ["\n", "\r", "\r\n", "\n\r", "\r\r", "\r\0", "\0", "x\r", "\r\nx"];
  const texts = pieces.flatMap((piece) =>
    [5, 6, 7, 8, 9, 15, 16].map((length) => `${"a".repeat(length)}${piece}b\n`),
  );
  for (let at = 0; at < texts.length; at += 9) {
    await Promise.all(
      texts.slice(at, at + 9).map(async (text, index) => {
        const name = `t${at + index}`;
        const what = JSON.stringify(text);
        const options = { blksize: 8, windowsize: 1 + (index % 3) };
        await put(url(name + mode), Buffer.from(text), options);
        assertSame(storage.files.get(name), Buffer.from(text), `put ${what}`);
        const got = await get(url(name + mode), options).bytes();
        assertSame(got, Buffer.from(text), `got ${what}`);
      }),
    );
  }
});

test("a long text is larger on the wire and the same at the end", { timeout }, async (t) => {
  const { storage, url, events } = await pair(t);
  const text = Buffer.from("line\n\r".repeat(30_000));
  storage.files.set("long", text);
  assertSame(await get(url(`long${mode}`)).bytes(), text, "got");
  await put(url(`up${mode}`), text);
  assertSame(storage.files.get("up"), text, "put");
  const bytes = events.map((event) => (event.kind === "ended" ? event.transfer.bytes : 0));
  assert.deepEqual(bytes.filter(Boolean), [240_000, 240_000]);
});

test("the end of a text may be anything", { timeout }, async (t) => {
  const { storage, url } = await pair(t);
  for (const text of ["", "\r", "\n", "no end of line"]) {
    await put(url(`end${mode}`), Buffer.from(text), { plain: true });
    assertSame(storage.files.get("end"), Buffer.from(text), "put");
    assert.equal(await get(url(`end${mode}`), { plain: true }).text(), text);
  }
});
