// Text that somebody else wrote: names of files, URLs, numbers of the command line. Whatever it
// holds, it is understood or refused, and never leads elsewhere.

import assert from "node:assert/strict";
import { basename, join, resolve } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { localName } from "../../src/cli/get.ts";
import { parseListen } from "../../src/cli/served.ts";
import { parseBytes } from "../../src/cli/units.ts";
import { visible, visibleJson, visibleName } from "../../src/cli/visible.ts";
import { parseTftpUrl, TftpError } from "../../src/index.ts";
import { assertInside } from "./inside.ts";
import { hailParsers } from "./parsers.ts";

const numRuns = 3000;

/** Pieces of which paths that escape are made, in between anything. */
const piece = fc.oneof(
  fc.constantFrom("..", ".", "/", "\\", "//", "../", "..\\", "C:", "C:\\", "%2e", "%2f", "\0"),
  fc.constantFrom("\u2025", "\uff0e\uff0e", "\u2215", "\uff3c", "\u202e", "\r\n", "\x1b[2J", "~"),
  fc.constantFrom(".tidewire-x.part", "nul", "x", "x".repeat(300), "\ud800", "a ", "-"),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const name = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

test("a name stays below its folder or is refused", () => {
  fc.assert(
    fc.property(name, fc.boolean(), (text, dotFiles) => assertInside(text, { dotFiles })),
    { numRuns },
  );
});

test("the local name of a download is one visible segment or none", () => {
  fc.assert(
    fc.property(name, fc.constantFrom("linux", "win32"), (text, platform) => {
      const local = refusedOr(() => localName(text, platform));
      if (local === undefined) return;
      assert.equal(basename(local), local);
      assert.equal(resolve("/here", local), join("/here", local));
      assert.doesNotMatch(local, /^\.|[\\/]|[\p{Cc}\u202a-\u202e]/u);
    }),
    { numRuns },
  );
});

test("a URL is understood or refused, and a name goes through it unchanged", () => {
  fc.assert(
    fc.property(name, (text) => {
      for (const url of [text, `tftp://${text}`, `tftp://h/${text}`, `tftp://h:${text}/x`]) {
        const target = refusedOr(() => parseTftpUrl(url));
        if (!target) continue;
        assert.ok(target.host !== "" && target.filename !== "" && !target.filename.includes("\0"));
        assert.ok(target.port >= 1 && target.port <= 65_535);
      }
      if (text === "" || text.includes("\0") || /\p{Cs}/u.test(text)) return;
      const escaped = encodeURIComponent(text);
      assert.equal(parseTftpUrl(`tftp://h/${escaped}`).filename, text);
    }),
    { numRuns },
  );
});

test("numbers of the command line are exact or refused", () => {
  const number = fc.tuple(fc.nat({ max: 10 ** 9 }), fc.constantFrom("", "K", "m", "G", "T", "x"));
  const text = fc.oneof(
    number.map((parts) => parts.join("")),
    fc.string(),
    fc.bigInt().map(String),
  );
  fc.assert(
    fc.property(text, (given) => {
      const bytes = parseBytes(given);
      assert.ok(bytes === undefined || (Number.isSafeInteger(bytes) && bytes >= 0), given);
      if (bytes !== undefined) assert.match(given, /^\d+[KMGT]?$/i);
      for (const where of [given, `127.0.0.1:${given}`, `[::1]:${given}`]) {
        const address = refusedOr(() => parseListen(where, 69));
        assert.ok(!address || (address.port >= 0 && address.port <= 65_535), where);
      }
    }),
    { numRuns },
  );
});

test("what is shown of a stranger's text is one line that a terminal does not obey", () => {
  fc.assert(
    fc.property(name, (text) => {
      for (const shown of [visible(text), visibleName(text), visibleJson({ text })]) {
        assert.doesNotMatch(shown, /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
      }
      assert.equal(JSON.parse(visibleJson({ text })).text, text);
    }),
    { numRuns },
  );
});

test("damaged datagrams of the corpus are read or refused, never thrown over", () => {
  hailParsers({ seed: 1, packets: 10_000 });
});

/** The result, or undefined when it was refused as it should be. */
function refusedOr<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (thrown) {
    assert.ok(thrown instanceof TftpError && thrown.code === "INVALID_ARGUMENT", String(thrown));
    assert.ok(thrown.hint);
    return undefined;
  }
}
