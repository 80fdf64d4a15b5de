// Damaged datagrams through all that reads them, without a socket: nothing throws but a TftpError,
// and what comes out is in range.

import assert from "node:assert/strict";
import { TftpError } from "../../src/core/errors.ts";
import { acceptAnswer, answerOptions, offerOptions } from "../../src/core/options.ts";
import { decode, encode, type Options } from "../../src/core/packet.ts";
import { Random } from "../simulation/random.ts";
import { assertInside } from "./inside.ts";
import { mutated } from "./mutation.ts";

const terms = { size: 70_000, blksizeMax: 1468, windowsizeMax: 64, windowBytesMax: 1 << 20 };
const asked = offerOptions({ blksize: 1428, windowsize: 16, tsize: 0 });

export function hailParsers(options: { readonly seed: number; readonly packets: number }): void {
  const random = new Random(options.seed);
  for (let left = options.packets; left > 0; left--) {
    const bytes = mutated(random);
    try {
      read(bytes);
    } catch (cause) {
      throw new Error(`reading ${bytes.toString("hex")}`, { cause });
    }
  }
}

function read(bytes: Uint8Array): void {
  const packet = decode(bytes);
  if (packet.op === "data") assert.equal(packet.payload.length, bytes.length - 4);
  if (packet.op === "data" || packet.op === "invalid") return;
  assert.deepEqual(decode(encode(packet)), packet);
  if (packet.op === "oack") accept(packet.options);
  if (packet.op !== "rrq" && packet.op !== "wrq") return;
  assertInside(packet.filename);
  const { agreed } = answerOptions(packet.options, { ...terms, op: packet.op });
  assert.ok(agreed.blksize >= 8 && agreed.blksize <= 1468);
  assert.ok(agreed.windowsize >= 1 && agreed.windowsize <= 64);
}

function accept(answer: Options): void {
  try {
    const { blksize, windowsize } = acceptAnswer(asked, answer);
    assert.ok(blksize >= 8 && blksize <= 1428 && windowsize >= 1 && windowsize <= 16);
  } catch (thrown) {
    assert.ok(thrown instanceof TftpError && thrown.wireCode === 8, String(thrown));
  }
}
