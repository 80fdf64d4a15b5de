// Content goes to the wire and comes back whole, however it is cut on the way.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { countExpanded, FromNetascii, ToNetascii } from "../../src/core/netascii.ts";

/** Bytes rich in line ends. */
const byte = fc.oneof(fc.constantFrom(10, 13, 0), fc.nat(255));
const content = fc.array(byte, { maxLength: 200 }).map((list) => Uint8Array.from(list));
const cuts = fc.array(fc.nat(20), { minLength: 1, maxLength: 10 });

/** Cut into pieces of these lengths, again and again; some are empty. */
function* pieces(whole: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, turn = 0; at < whole.length; turn++) {
    const length = lengths[turn % lengths.length]! + (turn % lengths.length === 0 ? 1 : 0);
    yield whole.subarray(at, at + length);
    at += length;
  }
}

/** Fills blocks of `blockBytes` as a source does. */
function toBlocks(chunks: Iterable<Uint8Array>, blockBytes: number): Uint8Array[] {
  const translator = new ToNetascii();
  const blocks: Uint8Array[] = [];
  let room = new Uint8Array(0);
  const put = (input: Uint8Array): void => {
    while (input.length > 0 || !translator.done) {
      if (room.length === 0) blocks.push((room = new Uint8Array(blockBytes)));
      const { read, written } = translator.translate(input, room);
      input = input.subarray(read);
      room = room.subarray(written);
    }
  };
  for (const chunk of chunks) put(chunk);
  const last = blocks.pop();
  if (last) blocks.push(last.subarray(0, blockBytes - room.length));
  return blocks;
}

function fromPieces(chunks: Iterable<Uint8Array>): Uint8Array {
  const translator = new FromNetascii();
  const parts = [...chunks].map((chunk) => Uint8Array.from(translator.translate(chunk)));
  return Uint8Array.from(Buffer.concat([...parts, translator.finish()]));
}

test("content comes back whole from blocks of any size", () => {
  fc.assert(
    fc.property(content, cuts, fc.integer({ min: 1, max: 30 }), (whole, lengths, blockBytes) => {
      const blocks = toBlocks(pieces(whole, lengths), blockBytes);
      assert.deepEqual(fromPieces(blocks), whole);
    }),
    { numRuns: 2000 },
  );
});

test("the wire does not depend on how content is cut, and its length is known beforehand", () => {
  fc.assert(
    fc.property(content, cuts, fc.integer({ min: 1, max: 30 }), (whole, lengths, blockBytes) => {
      const wire = Buffer.concat(toBlocks(pieces(whole, lengths), blockBytes));
      assert.deepEqual(wire, Buffer.concat(toBlocks([whole], 1000)));
      assert.equal(wire.length, countExpanded(whole));
    }),
    { numRuns: 2000 },
  );
});

test("the wire holds no CR without LF or NUL and no LF without CR", () => {
  fc.assert(
    fc.property(content, (whole) => {
      const wire = Buffer.concat(toBlocks([whole], 1000)).toString("latin1");
      assert.doesNotMatch(wire, /\r(?![\n\0])|(?<!\r)\n/);
    }),
    { numRuns: 1000 },
  );
});

test("any wire bytes give the same content, however they are cut", () => {
  fc.assert(
    fc.property(content, cuts, (wire, lengths) => {
      assert.deepEqual(fromPieces(pieces(wire, lengths)), fromPieces([wire]));
      const expected = Buffer.from(wire)
        .toString("latin1")
        .replace(/\r([\n\0])/g, (_, second) => (second === "\n" ? "\n" : "\r"));
      assert.equal(Buffer.from(fromPieces([wire])).toString("latin1"), expected);
    }),
    { numRuns: 2000 },
  );
});
