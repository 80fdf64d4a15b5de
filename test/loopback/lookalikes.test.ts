// Contents that look like what the kernel makes of several packets: they arrive as they were sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, put } from "../../src/index.ts";
import { assertSame, noise, pair } from "./pair.ts";

const blksize = 512;

function header(block: number): Uint8Array {
  return Uint8Array.of(0, 3, block >> 8, block & 0xff);
}

function repeated(part: Uint8Array, times: number): Uint8Array {
  return Buffer.concat(Array.from({ length: times }, () => part));
}

const contents: readonly (readonly [string, Uint8Array])[] = [
  ["a last block that is its own header", Buffer.concat([noise(4 * blksize), header(5)])],
  ["a last block that is its header twice", Buffer.concat([noise(blksize), header(2), header(2)])],
  ["nothing but headers", repeated(header(1), 1024)],
  ["a block that is a short one twice", Buffer.concat([noise(250), header(1), noise(250)])],
];

for (const [what, content] of contents) {
  for (const windowsize of [4, 16]) {
    test(`${what}, in windows of ${windowsize}`, { timeout: 30_000 }, async (t) => {
      const { storage, url } = await pair(t);
      const options = { blksize, windowsize };
      const sent = await put(url("a"), content, options);
      assert.equal(sent.bytes, content.length);
      assertSame(storage.files.get("a"), content, "put");
      assertSame(await get(url("a"), options).bytes(), content, "got");
    });
  }
}
