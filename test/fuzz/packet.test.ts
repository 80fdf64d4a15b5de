// Whatever comes from the network, decode returns; what we send, the peer can read.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, encode, type Option, type Options, type Packet } from "../../src/core/packet.ts";

/** Text as it can stand in a packet: no NUL, no half of a surrogate pair. */
const field = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", ""));
const name = field.filter((text) => text !== "");
const word = fc.nat(0xffff);

const options: fc.Arbitrary<Options> = fc
  .array(fc.record({ name, value: field }, { noNullPrototype: true }), { maxLength: 8 })
  .map((list) => {
    const found = new Map<string, Option>();
    for (const option of list) {
      const key = option.name.toLowerCase();
      if (!found.has(key)) found.set(key, option);
    }
    return found;
  });

const plain = { noNullPrototype: true };
const packets: fc.Arbitrary<Exclude<Packet, { op: "data" | "invalid" }>> = fc.oneof(
  fc.record(
    {
      op: fc.constantFrom("rrq", "wrq"),
      filename: name,
      mode: fc.constantFrom("octet", "netascii"),
      options,
    },
    plain,
  ),
  fc.record({ op: fc.constant("ack"), block: word }, plain),
  fc.record({ op: fc.constant("error"), code: word, message: field }, plain),
  fc.record({ op: fc.constant("oack"), options }, plain),
);

function assertWellFormed(packet: Packet): void {
  switch (packet.op) {
    case "rrq":
    case "wrq":
      assert.notEqual(packet.filename, "");
      assert.ok(packet.mode === "octet" || packet.mode === "netascii");
      assertOptions(packet.options);
      break;
    case "oack":
      assertOptions(packet.options);
      break;
    case "data":
    case "ack":
      assert.ok(packet.block >= 0 && packet.block <= 0xffff);
      break;
    case "error":
      assert.ok(packet.code >= 0 && packet.code <= 0xffff);
      break;
    case "invalid":
      assert.match(packet.reason, /^[a-zA-Z ]+$/);
  }
}

function assertOptions(found: Options): void {
  for (const [key, option] of found) {
    assert.notEqual(option.name, "");
    assert.equal(key, option.name.toLowerCase());
    assert.ok(!`${option.name}${option.value}`.includes("\0"));
  }
}

test("decode of any bytes returns a well-formed packet", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (datagram) =>
      assertWellFormed(decode(datagram)),
    ),
    { numRuns: 2000 },
  );
});

test("decode of any bytes behind a known opcode returns a well-formed packet", () => {
  const datagrams = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.uint8Array({ maxLength: 600 }))
    .map(([opcode, rest]) => Uint8Array.of(0, opcode, ...rest));
  fc.assert(
    fc.property(datagrams, (datagram) => assertWellFormed(decode(datagram))),
    { numRuns: 2000 },
  );
});

test("decode takes back what encode made", () => {
  fc.assert(
    fc.property(packets, (packet) => assert.deepEqual(decode(encode(packet)), packet)),
    { numRuns: 2000 },
  );
});

test("encode takes any text and gives a packet of the same kind", () => {
  const message = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) });
  fc.assert(
    fc.property(message, (text) => {
      const packet = decode(encode({ op: "error", code: 1, message: text }));
      assert.ok(packet.op === "error");
      assert.equal(packet.message, text.replace(/\0.*/s, "").replace(/\p{Surrogate}/gu, "\ufffd"));
    }),
    { numRuns: 2000 },
  );
});

test("decode of a damaged packet returns a well-formed packet", () => {
  const damages = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(packets, damages, fc.nat(), (packet, changes, cut) => {
      const datagram = encode(packet);
      for (const [at, byte] of changes) datagram[at % datagram.length] = byte;
      assertWellFormed(decode(datagram));
      assertWellFormed(decode(datagram.subarray(0, cut % datagram.length)));
    }),
    { numRuns: 2000 },
  );
});

test("a packet cut anywhere never gains an option it did not have", () => {
  fc.assert(
    fc.property(options, fc.nat(), (found, cut) => {
      const datagram = encode({ op: "oack", options: found });
      const packet = decode(datagram.subarray(0, 2 + (cut % (datagram.length - 1))));
      assert.ok(packet.op === "oack");
      const whole = [...found.keys()];
      assert.deepEqual([...packet.options.keys()], whole.slice(0, packet.options.size));
    }),
    { numRuns: 1000 },
  );
});
