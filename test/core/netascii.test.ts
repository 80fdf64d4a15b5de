// Line endings both ways, above all where a chunk or a block ends between two bytes of a pair.

import assert from "node:assert/strict";
import { test } from "node:test";
import { countExpanded, FromNetascii, ToNetascii } from "../../src/core/netascii.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function toWire(content: string): string {
  const output = new Uint8Array(100);
  const translator = new ToNetascii();
  const { read, written } = translator.translate(bytes(content), output);
  assert.equal(read, content.length);
  assert.ok(translator.done);
  return new TextDecoder().decode(output.subarray(0, written));
}

function fromWire(...chunks: string[]): string {
  const translator = new FromNetascii();
  const parts = chunks.map((chunk) => translator.translate(bytes(chunk)));
  return new TextDecoder().decode(Buffer.concat([...parts, translator.finish()]));
}

test("to the wire LF becomes CR LF", () => {
  assert.equal(toWire("a\n\nb\n"), "a\r\n\r\nb\r\n");
});

test("to the wire CR becomes CR NUL, also before LF", () => {
  assert.equal(toWire("a\rb\r\n"), "a\r\0b\r\0\r\n");
});

test("to the wire a NUL stays", () => assert.equal(toWire("a\0b"), "a\0b"));

test("a block that ends between CR and LF loses nothing", () => {
  const translator = new ToNetascii();
  const block = new Uint8Array(2);
  assert.deepEqual(translator.translate(bytes("a\nb"), block), { read: 2, written: 2 });
  assert.deepEqual(block, bytes("a\r"));
  assert.equal(translator.done, false);
  assert.deepEqual(translator.translate(bytes("b"), block), { read: 1, written: 2 });
  assert.deepEqual(block, bytes("\nb"));
  assert.ok(translator.done);
});

test("the last held byte comes out without input", () => {
  const translator = new ToNetascii();
  translator.translate(bytes("\r"), new Uint8Array(1));
  assert.deepEqual(translator.translate(bytes(""), new Uint8Array(0)), { read: 0, written: 0 });
  assert.equal(translator.done, false);
  const block = Uint8Array.of(0xee);
  assert.deepEqual(translator.translate(bytes(""), block), { read: 0, written: 1 });
  assert.deepEqual(block, Uint8Array.of(0));
});

test("a full output reads nothing", () => {
  const { read } = new ToNetascii().translate(bytes("a"), new Uint8Array(0));
  assert.equal(read, 0);
});

test("from the wire CR LF becomes LF and CR NUL becomes CR", () => {
  assert.equal(fromWire("a\r\nb\r\0c\r\n"), "a\nb\rc\n");
});

test("from the wire a lone LF and a lone NUL stay", () =>
  assert.equal(fromWire("a\nb\0"), "a\nb\0"));

test("from the wire a CR before anything else is kept with it", () => {
  assert.equal(fromWire("a\rb\r\r\nc"), "a\rb\r\nc");
});

test("from the wire a CR at the very end is kept", () => {
  assert.equal(fromWire("a\r"), "a\r");
  assert.equal(fromWire("\r\r"), "\r\r");
});

test("a pair may be split between two payloads", () => {
  assert.equal(fromWire("a\r", "\nb"), "a\nb");
  assert.equal(fromWire("a\r", "\0b"), "a\rb");
  assert.equal(fromWire("a\r", "b"), "a\rb");
  assert.equal(fromWire("a\r", "", "\n"), "a\n");
  assert.equal(fromWire("\r", "\r", "\n"), "\r\n");
});

test("a payload without CR is handed on as it is", () => {
  const payload = bytes("a\nb");
  assert.equal(new FromNetascii().translate(payload), payload);
});

test("a CR held at the end is given out once", () => {
  const translator = new FromNetascii();
  translator.translate(bytes("\r"));
  assert.deepEqual(translator.finish(), bytes("\r"));
  assert.equal(translator.finish().length, 0);
});

test("each LF and each CR makes a content one byte longer on the wire", () => {
  const content = "a\n\r\n\0\r";
  assert.equal(countExpanded(bytes(content)), content.length + 4);
  assert.equal(toWire(content).length, content.length + 4);
});
