// Every packet beside its bytes, and every leniency of decode.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dataHeaderBytes,
  decode,
  encode,
  encodeAck,
  type Options,
  oackLength,
  type Packet,
  requestLength,
  writeDataHeader,
} from "../../src/core/packet.ts";

/** "00 01 'name' 00" as bytes. */
function wire(picture: string): Uint8Array {
  const bytes: number[] = [];
  for (const [part, text] of picture.matchAll(/'([^']*)'|[0-9a-f]{2}/g)) {
    if (text === undefined) bytes.push(Number.parseInt(part, 16));
    else bytes.push(...new TextEncoder().encode(text));
  }
  return Uint8Array.from(bytes);
}

function options(...pairs: [string, string][]): Options {
  return new Map(pairs.map(([name, value]) => [name.toLowerCase(), { name, value }]));
}

const rrq = { op: "rrq", filename: "f", mode: "octet", options: options() } as const;

const golden: { name: string; picture: string; packet: Packet }[] = [
  { name: "RRQ", picture: "00 01 'f' 00 'octet' 00", packet: rrq },
  {
    name: "WRQ in netascii",
    picture: "00 02 'a/b' 00 'netascii' 00",
    packet: { op: "wrq", filename: "a/b", mode: "netascii", options: options() },
  },
  {
    name: "RRQ with options",
    picture: "00 01 'f' 00 'octet' 00 'tsize' 00 '0' 00 'blksize' 00 '1468' 00",
    packet: { ...rrq, options: options(["tsize", "0"], ["blksize", "1468"]) },
  },
  { name: "ACK", picture: "00 04 12 34", packet: { op: "ack", block: 0x1234 } },
  {
    name: "ERROR",
    picture: "00 05 00 01 'no such file' 00",
    packet: { op: "error", code: 1, message: "no such file" },
  },
  {
    name: "ERROR with a code of two bytes",
    picture: "00 05 ff 01 00",
    packet: { op: "error", code: 0xff01, message: "" },
  },
  {
    name: "OACK",
    picture: "00 06 'blksize' 00 '1468' 00 'tsize' 00 '99' 00",
    packet: { op: "oack", options: options(["blksize", "1468"], ["tsize", "99"]) },
  },
  {
    name: "OACK without options",
    picture: "00 06",
    packet: { op: "oack", options: options() },
  },
];

for (const { name, picture, packet } of golden) {
  test(`${name}: decoded from its bytes`, () => {
    assert.deepEqual(decode(wire(picture)), packet);
  });
  test(`${name}: encoded to exactly its bytes`, () => {
    assert.ok(packet.op !== "data" && packet.op !== "invalid");
    assert.deepEqual(encode(packet), wire(picture));
  });
}

test("the order of options is kept in both directions", () => {
  const asked = options(["windowsize", "4"], ["blksize", "8"], ["tsize", "0"]);
  const packet = decode(encode({ ...rrq, options: asked }));
  assert.ok(packet.op === "rrq");
  assert.deepEqual([...packet.options.keys()], ["windowsize", "blksize", "tsize"]);
});

test("a DATA payload is a view of the datagram", () => {
  const datagram = wire("00 03 ff fe 'abc'");
  const packet = decode(datagram);
  assert.ok(packet.op === "data");
  assert.equal(packet.block, 0xfffe);
  assert.deepEqual(Uint8Array.from(packet.payload), wire("'abc'"));
  assert.equal(packet.payload.buffer, datagram.buffer);
  assert.equal(packet.payload.byteOffset, datagram.byteOffset + dataHeaderBytes);
});

test("a DATA of four bytes has an empty payload", () => {
  const packet = decode(wire("00 03 00 01"));
  assert.ok(packet.op === "data");
  assert.equal(packet.payload.length, 0);
});

test("a DATA header is written where it is wanted and nowhere else", () => {
  const into = new Uint8Array(8).fill(0xee);
  writeDataHeader(into, 2, 0xabcd);
  assert.deepEqual(into, wire("ee ee 00 03 ab cd ee ee"));
});

test("an ACK is four bytes up to block 65535", () => {
  assert.deepEqual(encodeAck(65535), wire("00 04 ff ff"));
  assert.deepEqual(encodeAck(0), wire("00 04 00 00"));
});

test("an ACK may be longer than four bytes, as Windows bootmgr sends it", () => {
  assert.deepEqual(decode(wire("00 04 00 10 08")), { op: "ack", block: 16 });
});

const lenient: { name: string; picture: string; packet: Packet }[] = [
  { name: "a mode in any case", picture: "00 01 'f' 00 'OcTeT' 00", packet: rrq },
  { name: "a missing NUL after the mode", picture: "00 01 'f' 00 'octet'", packet: rrq },
  {
    name: "a missing NUL after the last value",
    picture: "00 01 'f' 00 'octet' 00 'tsize' 00 '10'",
    packet: { ...rrq, options: options(["tsize", "10"]) },
  },
  { name: "NULs as padding", picture: "00 01 'f' 00 'octet' 00 00 00 00", packet: rrq },
  {
    name: "garbage after an empty option name",
    picture: "00 01 'f' 00 'octet' 00 'tsize' 00 '0' 00 00 'blksize' 00 '9' 00",
    packet: { ...rrq, options: options(["tsize", "0"]) },
  },
  {
    name: "an option name without a value",
    picture: "00 01 'f' 00 'octet' 00 'tsize' 00 '0' 00 'blksize' 00",
    packet: { ...rrq, options: options(["tsize", "0"]) },
  },
  {
    name: "an option name cut off",
    picture: "00 01 'f' 00 'octet' 00 'tsize' 00 '0' 00 'blks'",
    packet: { ...rrq, options: options(["tsize", "0"]) },
  },
  {
    name: "an empty value, as atftp sends it",
    picture: "00 01 'f' 00 'octet' 00 'multicast' 00 00 'tsize' 00 '0' 00",
    packet: { ...rrq, options: options(["multicast", ""], ["tsize", "0"]) },
  },
  {
    name: "an ERROR without its NUL",
    picture: "00 05 00 03 'full'",
    packet: { op: "error", code: 3, message: "full" },
  },
  {
    name: "an ERROR without any message",
    picture: "00 05 00 03",
    packet: { op: "error", code: 3, message: "" },
  },
  {
    name: "garbage after the message of an ERROR",
    picture: "00 05 00 03 'full' 00 'er'",
    packet: { op: "error", code: 3, message: "full" },
  },
];

for (const { name, picture, packet } of lenient) {
  test(`accepted: ${name}`, () => assert.deepEqual(decode(wire(picture)), packet));
}

test("an option is found by its name in lower case and keeps its spelling", () => {
  const packet = decode(wire("00 01 'f' 00 'octet' 00 'BlkSize' 00 '1024' 00"));
  assert.ok(packet.op === "rrq");
  assert.deepEqual([...packet.options], [["blksize", { name: "BlkSize", value: "1024" }]]);
});

test("of a repeated option the first counts, whatever its case", () => {
  const packet = decode(wire("00 01 'f' 00 'octet' 00 'tsize' 00 '1' 00 'TSIZE' 00 '2' 00"));
  assert.ok(packet.op === "rrq");
  assert.deepEqual([...packet.options], [["tsize", { name: "tsize", value: "1" }]]);
});

const unacceptable = {
  "mail mode": "00 02 'joe' 00 'mail' 00",
  "an unknown mode": "00 01 'f' 00 'binary' 00",
  "an empty mode": "00 01 'f' 00 00",
  "a missing mode": "00 01 'f'",
  "an empty file name": "00 01 00 'octet' 00",
  "a bare opcode": "00 01",
};
for (const [name, picture] of Object.entries(unacceptable)) {
  test(`a request with ${name} is invalid and can be answered`, () => {
    const packet = decode(wire(picture));
    assert.ok(packet.op === "invalid");
    assert.equal(packet.request, true);
    assert.match(packet.reason, /^[a-z ]+$/);
  });
}

const noise = {
  "an empty datagram": "",
  "one byte": "00",
  "opcode 0": "00 00 00 00",
  "opcode 7": "00 07 00 00",
  "an opcode with a high byte": "01 01 'f' 00 'octet' 00",
  "a short DATA": "00 03 00",
  "a short ACK": "00 04 00",
  "a short ERROR": "00 05 00",
};
for (const [name, picture] of Object.entries(noise)) {
  test(`${name} is invalid and asks for no answer`, () => {
    const packet = decode(wire(picture));
    assert.ok(packet.op === "invalid");
    assert.equal(packet.request, false);
  });
}

function filenameOf(picture: string): string {
  const packet = decode(wire(picture));
  assert.ok(packet.op === "rrq");
  return packet.filename;
}

test("a file name is read as UTF-8", () => {
  assert.equal(filenameOf("00 01 'grün/起動' 00 'octet' 00"), "grün/起動");
});

test("a file name that is not UTF-8 is read as Latin-1", () => {
  assert.equal(filenameOf("00 01 'gr' fc 'n' 00 'octet' 00"), "grün");
});

test("an overlong UTF-8 slash does not become a slash", () => {
  assert.equal(filenameOf("00 01 '..' c0 af 'etc' 00 'octet' 00"), "..À¯etc");
});

test("a percent sign in a file name stays one", () => {
  assert.equal(filenameOf("00 01 'a%41ü' 00 'octet' 00"), "a%41ü");
});

test("a file name of 600 bytes is read whole", () => {
  assert.equal(filenameOf(`00 01 '${"x".repeat(600)}' 00 'octet' 00`).length, 600);
});

test("texts are encoded as UTF-8", () => {
  assert.deepEqual(
    encode({ op: "error", code: 0, message: "ü€😀%" }),
    wire("00 05 00 00 'ü€😀%' 00"),
  );
});

test("half of a surrogate pair is encoded as a replacement character", () => {
  const halves = encode({ op: "error", code: 0, message: "a\ud800b\udc00" });
  assert.deepEqual(halves, wire("00 05 00 00 'a\ufffdb\ufffd' 00"));
});

test("a text ends at its first NUL and cannot smuggle an option", () => {
  const packet = { ...rrq, filename: "f\0octet\0tsize\n\0" };
  assert.deepEqual(encode(packet), wire("00 01 'f' 00 'octet' 00"));
});

test("the length of a request or an OACK is known before it is encoded", () => {
  for (const filename of ["boot", "ü€😀%", "a\ud800b", "cut\0off"]) {
    const options: Options = new Map([["x", { name: filename, value: "0" }]]);
    const request = { op: "rrq", filename, mode: "octet", options } as const;
    assert.equal(requestLength(request), encode(request).length);
    assert.equal(oackLength(options), encode({ op: "oack", options }).length);
  }
});
