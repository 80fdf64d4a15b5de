// Each rule of the options by name, for the server (answer) and the client (offer, accept).

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import {
  acceptAnswer,
  answerOptions,
  offerOptions,
  rfc1350,
  type Terms,
} from "../../src/core/options.ts";
import type { Options } from "../../src/core/packet.ts";

/** "blksize=1468 tsize=0" as options. */
function options(text: string): Options {
  const pairs = text.split(" ").filter(Boolean);
  return new Map(
    pairs.map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      return [name.toLowerCase(), { name, value: value.replaceAll("_", " ") }];
    }),
  );
}

function text(of: Options): string {
  return [...of.values()].map(({ name, value }) => `${name}=${value}`).join(" ");
}

const terms: Terms = {
  op: "rrq",
  size: 1000,
  blksizeMax: 65464,
  windowsizeMax: 64,
  windowBytesMax: 1_000_000,
};

const wrq: Terms = { ...terms, op: "wrq" };

interface Rule {
  name: string;
  asked: string;
  answer: string;
  terms?: Partial<Terms>;
}

const rules: Rule[] = [
  { name: "blksize within the limits is echoed", asked: "blksize=1468", answer: "blksize=1468" },
  { name: "blksize 8 is the smallest", asked: "blksize=8", answer: "blksize=8" },
  { name: "blksize 7 is left out", asked: "blksize=7", answer: "" },
  { name: "blksize 65464 is the largest", asked: "blksize=65464", answer: "blksize=65464" },
  { name: "blksize 65535 becomes 65464", asked: "blksize=65535", answer: "blksize=65464" },
  {
    name: "blksize is never more than the maximum",
    asked: "blksize=65535",
    answer: "blksize=1468",
    terms: { blksizeMax: 1468 },
  },
  { name: "blksize -1 is left out", asked: "blksize=-1", answer: "" },
  { name: "blksize 0x400 is left out", asked: "blksize=0x400", answer: "" },
  { name: "an empty blksize is left out", asked: "blksize=", answer: "" },
  { name: "blksize 1e3 is left out", asked: "blksize=1e3", answer: "" },
  { name: "blksize with a trailing space is left out", asked: "blksize=512_", answer: "" },
  { name: "blksize of twenty digits is left out", asked: `blksize=${"9".repeat(20)}`, answer: "" },
  { name: "a leading zero is not echoed", asked: "blksize=0512", answer: "blksize=512" },
  {
    name: "blksize2 that is a power of two is echoed",
    asked: "blksize2=1024",
    answer: "blksize2=1024",
  },
  {
    name: "blksize2 is rounded down to a power of two",
    asked: "blksize2=1500",
    answer: "blksize2=1024",
  },
  { name: "blksize2 65464 becomes 32768", asked: "blksize2=65464", answer: "blksize2=32768" },
  {
    name: "blksize2 is a power of two below the maximum",
    asked: "blksize2=4096",
    answer: "blksize2=1024",
    terms: { blksizeMax: 1468 },
  },
  {
    name: "of blksize and blksize2 the first is answered",
    asked: "blksize2=2048 blksize=1400",
    answer: "blksize2=2048",
  },
  {
    name: "blksize2 is answered when blksize cannot be",
    asked: "blksize=x blksize2=2048",
    answer: "blksize2=2048",
  },
  { name: "tsize of a read is answered with the size", asked: "tsize=0", answer: "tsize=1000" },
  { name: "tsize of an empty file is left out", asked: "tsize=0", answer: "", terms: { size: 0 } },
  { name: "tsize of a write is echoed", asked: "tsize=77", answer: "tsize=77", terms: wrq },
  { name: "tsize 0 of a write is echoed", asked: "tsize=0", answer: "tsize=0", terms: wrq },
  { name: "tsize -5 of a write is left out", asked: "tsize=-5", answer: "", terms: wrq },
  {
    name: "tsize above four gigabytes is not cut",
    asked: "tsize=0",
    answer: "tsize=5000000000",
    terms: { size: 5_000_000_000 },
  },
  { name: "timeout 1 is echoed", asked: "timeout=1", answer: "timeout=1" },
  { name: "timeout 255 is echoed", asked: "timeout=255", answer: "timeout=255" },
  { name: "timeout 0 is left out", asked: "timeout=0", answer: "" },
  { name: "timeout 256 is left out, not changed", asked: "timeout=256", answer: "" },
  { name: "utimeout 10000 is echoed", asked: "utimeout=10000", answer: "utimeout=10000" },
  { name: "utimeout 9999 is left out", asked: "utimeout=9999", answer: "" },
  { name: "utimeout 255000001 is left out", asked: "utimeout=255000001", answer: "" },
  {
    name: "of timeout and utimeout the first is answered",
    asked: "timeout=2 utimeout=50000",
    answer: "timeout=2",
  },
  { name: "windowsize is echoed", asked: "windowsize=4", answer: "windowsize=4" },
  {
    name: "windowsize is never more than the maximum",
    asked: "windowsize=65535",
    answer: "windowsize=64",
  },
  {
    name: "no window has two blocks of one number, where one is left out at the roll-over",
    asked: "blksize=8 windowsize=65535 rollover=1",
    answer: "blksize=8 windowsize=65534 rollover=1",
    terms: { op: "wrq", windowsizeMax: 65535 },
  },
  {
    name: "who asks for more than anybody holds gets a window of 64",
    asked: "windowsize=65535 blksize=1000",
    answer: "windowsize=64 blksize=1000",
    terms: { windowsizeMax: 2048 },
  },
  {
    name: "who asks for a large window that can be held gets it",
    asked: "windowsize=900 blksize=1000",
    answer: "windowsize=900 blksize=1000",
    terms: { windowsizeMax: 2048 },
  },
  { name: "windowsize 0 is left out", asked: "windowsize=0", answer: "" },
  { name: "windowsize 65536 is left out", asked: "windowsize=65536", answer: "" },
  {
    name: "windowsize is bounded by the bytes of a window, whatever the order",
    asked: "windowsize=64 blksize=1000",
    answer: "windowsize=10 blksize=1000",
    terms: { windowBytesMax: 10_999 },
  },
  {
    name: "one block always fits a window",
    asked: "windowsize=64 blksize=65464",
    answer: "windowsize=1 blksize=65464",
    terms: { windowBytesMax: 1000 },
  },
  { name: "rollover 0 is echoed", asked: "rollover=0", answer: "rollover=0" },
  { name: "rollover 1 is echoed", asked: "rollover=1", answer: "rollover=1" },
  { name: "rollover 2 is left out", asked: "rollover=2", answer: "" },
  {
    name: "unknown options are ignored",
    asked: "msftwindow=31416 udpport=0 multicast= __proto__=1 constructor=1",
    answer: "",
  },
  {
    name: "names come back as they were spelled, in the order of the request",
    asked: "TSIZE=0 BlkSize=1024 foo=1 timeout=3",
    answer: "TSIZE=1000 BlkSize=1024 timeout=3",
  },
  {
    name: "a refused option is not answered",
    asked: "blksize=1024 tsize=0",
    answer: "tsize=1000",
    terms: { refuse: new Set(["blksize"]) },
  },
];

for (const { name, asked, answer, terms: own } of rules) {
  test(name, () => {
    assert.equal(text(answerOptions(options(asked), { ...terms, ...own }).answer), answer);
  });
}

test("without an answer RFC 1350 holds", () => {
  assert.deepEqual(answerOptions(options("foo=1"), terms).agreed, rfc1350);
  assert.deepEqual(rfc1350, { blksize: 512, windowsize: 1, rollover: 0 });
});

test("what was answered holds on the server", () => {
  const asked = options("blksize=1024 windowsize=8 tsize=0 timeout=3 rollover=1");
  assert.deepEqual(answerOptions(asked, terms).agreed, {
    blksize: 1024,
    windowsize: 8,
    rollover: 1,
    exactTimeoutMillis: 3000,
    tsize: 1000,
  });
});

test("blksize2 and utimeout hold like blksize and timeout", () => {
  const { agreed } = answerOptions(options("blksize2=1500 utimeout=250000"), terms);
  assert.equal(agreed.blksize, 1024);
  assert.equal(agreed.exactTimeoutMillis, 250);
});

test("a size that is not known is not answered", () => {
  const { size: _, ...unknown } = terms;
  assert.equal(answerOptions(options("tsize=0"), unknown).answer.size, 0);
});

test("the server's rollover holds for a client that does not ask, and only for it", () => {
  const policy: Terms = { ...terms, rollover: 1 };
  assert.equal(answerOptions(options(""), policy).agreed.rollover, 1);
  assert.equal(answerOptions(options("rollover=0"), policy).agreed.rollover, 0);
});

test("an offer asks for what is given and for nothing else", () => {
  assert.equal(text(offerOptions({})), "");
  const offer = { rollover: 0, timeoutSeconds: 2, windowsize: 1, blksize: 512, tsize: 0 } as const;
  assert.equal(text(offerOptions(offer)), "tsize=0 blksize=512 windowsize=1 timeout=2 rollover=0");
});

for (const offer of [
  { blksize: 7 },
  { blksize: 65465 },
  { blksize: Number.NaN },
  { windowsize: 0 },
  { windowsize: 1.5 },
  { timeoutSeconds: 256 },
  { tsize: -1 },
]) {
  test(`an offer out of range is the caller's error: ${Object.entries(offer)}`, () => {
    assert.throws(() => offerOptions(offer), { code: "INVALID_ARGUMENT" });
  });
}

const asked = options("tsize=0 blksize=1468 windowsize=16 timeout=3 rollover=1");

test("an answer with less than was asked is accepted and holds", () => {
  const answer = options("BLKSIZE=1024 windowsize=4 timeout=3 tsize=5 rollover=1");
  assert.deepEqual(acceptAnswer(asked, answer), {
    blksize: 1024,
    windowsize: 4,
    rollover: 1,
    exactTimeoutMillis: 3000,
    tsize: 5,
  });
});

test("an empty answer leaves RFC 1350 in force", () => {
  assert.deepEqual(acceptAnswer(asked, options("")), rfc1350);
});

test("exactly what was asked is accepted", () => {
  const { blksize, windowsize } = acceptAnswer(asked, options("blksize=1468 windowsize=16"));
  assert.deepEqual({ blksize, windowsize }, { blksize: 1468, windowsize: 16 });
});

const refusals = {
  "blksize=1469": 'blksize "1469" where 1468 was asked for',
  "blksize=7": 'blksize "7" where 1468',
  "blksize=0x10": 'blksize "0x10" where 1468',
  "blksize=": 'blksize "" where 1468',
  "windowsize=17": 'windowsize "17" where 16',
  "windowsize=0": 'windowsize "0" where 16',
  "timeout=2": 'timeout "2" where 3',
  "timeout=4": 'timeout "4" where 3',
  "rollover=0": 'rollover "0" where 1',
  "tsize=many": 'tsize "many" where 0',
  "multicast=1": "multicast, which was not asked for",
};
for (const [answer, words] of Object.entries(refusals)) {
  test(`an answer of ${answer} is refused in plain words`, () => {
    assert.throws(
      () => acceptAnswer(asked, options(answer)),
      (error) => {
        assert.ok(error instanceof TftpError);
        assert.equal(error.code, "OPTIONS_REFUSED");
        assert.equal(error.wireCode, 8);
        assert.ok(error.message.startsWith(`the server answered ${words}`), error.message);
        return true;
      },
    );
  });
}

test("the text of a refusal does not grow with what the peer sent", () => {
  const long = options(`blksize=${"9".repeat(5000)}`);
  assert.throws(
    () => acceptAnswer(asked, long),
    (error) => error instanceof TftpError && error.message.length < 120,
  );
});

test("an own option of the caller may be answered with anything", () => {
  assert.deepEqual(acceptAnswer(options("x-serial=1"), options("x-serial=abc")), rfc1350);
});
