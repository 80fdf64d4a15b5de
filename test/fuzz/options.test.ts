// Whatever is asked or answered, what holds is in range and known to both sides.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TftpError } from "../../src/core/errors.ts";
import {
  type Agreed,
  acceptAnswer,
  answerOptions,
  type Offer,
  offerOptions,
  type Terms,
} from "../../src/core/options.ts";
import type { Option, Options } from "../../src/core/packet.ts";
import { parseDecimal } from "../../src/core/texts.ts";

const known = ["blksize", "blksize2", "tsize", "timeout", "utimeout", "windowsize", "rollover"];

const spelled = fc
  .tuple(fc.constantFrom(...known), fc.boolean())
  .map(([name, upper]) => (upper ? name.toUpperCase() : name));
const names = fc.oneof({ weight: 5, arbitrary: spelled }, fc.string({ minLength: 1 }));
const values = fc.oneof(
  fc.nat(70_000).map(String),
  fc.nat(300).map(String),
  fc.integer().map(String),
  fc.string(),
);

const options: fc.Arbitrary<Options> = fc
  .array(fc.record({ name: names, value: values }), { maxLength: 8 })
  .map(
    (list) => new Map(list.map((option): [string, Option] => [option.name.toLowerCase(), option])),
  );

const terms: fc.Arbitrary<Terms> = fc.record(
  {
    op: fc.constantFrom("rrq", "wrq"),
    size: fc.nat(),
    blksizeMax: fc.integer({ min: 8, max: 65464 }),
    windowsizeMax: fc.integer({ min: 1, max: 65535 }),
    windowBytesMax: fc.nat(10_000_000),
    rollover: fc.constantFrom(0, 1),
    refuse: fc.subarray(known).map((list) => new Set(list)),
  },
  { requiredKeys: ["op", "blksizeMax", "windowsizeMax", "windowBytesMax"] },
);

const offers: fc.Arbitrary<Offer> = fc
  .record(
    {
      blksize: fc.integer({ min: 8, max: 65464 }),
      windowsize: fc.integer({ min: 1, max: 65535 }),
      timeoutSeconds: fc.integer({ min: 1, max: 255 }),
      tsize: fc.integer({ min: 0, max: 999_999_999_999_999 }),
      rollover: fc.constantFrom(0, 1),
    },
    { requiredKeys: [] },
  )
  .filter(({ windowsize = 1, rollover = 0 }) => windowsize + rollover <= 65535);

function assertInRange(agreed: Agreed): void {
  assert.ok(agreed.blksize >= 8 && agreed.blksize <= 65464, `blksize ${agreed.blksize}`);
  assert.ok(agreed.windowsize >= 1 && agreed.windowsize <= 65535, `window ${agreed.windowsize}`);
  assert.ok(agreed.rollover === 0 || agreed.rollover === 1);
  const millis = agreed.exactTimeoutMillis ?? 1000;
  assert.ok(millis >= 10 && millis <= 255_000, `timeout ${millis}`);
  assert.ok((agreed.tsize ?? 0) >= 0 && Number.isSafeInteger(agreed.tsize ?? 0));
}

test("an answer holds only what was asked, in the order and spelling of the request", () => {
  fc.assert(
    fc.property(options, terms, (asked, ours) => {
      const { answer } = answerOptions(asked, ours);
      const order = [...asked.keys()].filter((key) => answer.has(key));
      assert.deepEqual([...answer.keys()], order);
      for (const [key, { name }] of answer) assert.equal(name, asked.get(key)?.name);
    }),
    { numRuns: 2000 },
  );
});

test("an answer is within the terms and what holds is what it says", () => {
  fc.assert(
    fc.property(options, terms, (asked, ours) => {
      const { answer, agreed } = answerOptions(asked, ours);
      assertInRange(agreed);
      for (const [key, { value }] of answer) {
        assert.notEqual(parseDecimal(value), undefined, `${key} ${value}`);
        assert.ok(!ours.refuse?.has(key));
      }
      if (answer.has("windowsize")) {
        assert.ok(agreed.windowsize <= ours.windowsizeMax);
        const bytes = agreed.windowsize * agreed.blksize;
        assert.ok(agreed.windowsize === 1 || bytes <= ours.windowBytesMax);
      }
      const blksize = answer.get("blksize") ?? answer.get("blksize2");
      assert.equal(agreed.blksize, Number(blksize?.value ?? 512));
      assert.ok(blksize === undefined || agreed.blksize <= ours.blksizeMax);
      assert.ok(!(answer.has("blksize") && answer.has("blksize2")));
      assert.ok(!(answer.has("timeout") && answer.has("utimeout")));
    }),
    { numRuns: 2000 },
  );
});

test("our client accepts each answer of our server, and both hold the same", () => {
  fc.assert(
    fc.property(offers, terms, (offer, ours) => {
      const asked = offerOptions(offer);
      const { answer, agreed } = answerOptions(asked, ours);
      const accepted = acceptAnswer(asked, answer);
      const rollover = answer.has("rollover") ? agreed.rollover : 0;
      assert.deepEqual(accepted, { ...agreed, rollover });
    }),
    { numRuns: 2000 },
  );
});

test("any answer is accepted in range or refused with ERROR 8", () => {
  fc.assert(
    fc.property(offers, options, (offer, answer) => {
      const asked = offerOptions(offer);
      try {
        const accepted = acceptAnswer(asked, answer);
        assertInRange(accepted);
        const { blksize = 0, windowsize = 0 } = offer;
        assert.ok(accepted.blksize <= (answer.has("blksize") ? blksize : 512));
        assert.ok(accepted.windowsize <= (answer.has("windowsize") ? windowsize : 1));
      } catch (error) {
        assert.ok(error instanceof TftpError, String(error));
        assert.equal(error.wireCode, 8);
      }
    }),
    { numRuns: 2000 },
  );
});
