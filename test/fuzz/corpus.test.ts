// Datagrams of real devices and nasty ones, one hex datagram a file. The first word of a file's
// name is what decode must make of it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { answerOptions } from "../../src/core/options.ts";
import { decode, encode } from "../../src/core/packet.ts";

// From the compiled test, dist/test/fuzz/.
const folder = new URL("../../../test/fuzz/corpus/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".hex"));
const terms = { size: 70_000, blksizeMax: 1468, windowsizeMax: 64, windowBytesMax: 1 << 20 };

test("the corpus holds at least fifty datagrams", () =>
  assert.ok(files.length >= 50, `${files.length} files`));

for (const file of files) {
  test(`corpus: ${file.replace(/\.hex$/, "").replaceAll("-", " ")}`, () => {
    const hex = readFileSync(new URL(file, folder), "ascii").trim();
    assert.match(hex, /^(?:[0-9a-f]{2})*$/);
    const packet = decode(Buffer.from(hex, "hex"));
    assert.equal(packet.op, file.split("-")[0]);
    if (packet.op === "data" || packet.op === "invalid") return;
    assert.deepEqual(decode(encode(packet)), packet);
    if (packet.op !== "rrq" && packet.op !== "wrq") return;
    const { agreed } = answerOptions(packet.options, { ...terms, op: packet.op });
    assert.ok(agreed.blksize <= 1468 && agreed.windowsize <= 64);
  });
}
