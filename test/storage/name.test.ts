import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TftpError } from "../../src/core/errors.ts";
import { nameBelow, resolveName, temporaryName } from "../../src/storage/name.ts";

const accepted: readonly [name: string, path: string][] = [
  ["x", "x"],
  ["/x", "x"],
  ["\\x", "x"],
  ["///x", "x"],
  ["a/b/c", "a/b/c"],
  ["a\\b/c", "a/b/c"],
  ["/boot\\x", "boot/x"],
  ["dir//x", "dir/x"],
  ["dir/../data/x", "data/x"],
  ["dir\\..\\x", "x"],
  ["./a/./b/.", "a/b"],
  ["a/b/", "a/b"],
  ["C:\\Boot\\BCD", "Boot/BCD"],
  ["c:/x", "x"],
  ["\\D:\\x", "x"],
  ["cc:/x", "cc:/x"],
  ["c:x", "c:x"],
  [".git/../x", "x"],
  ["naïve/ファイル", "naïve/ファイル"],
  ["%2e%2e/x", "%2e%2e/x"],
  ["a b", "a b"],
  ["x".repeat(255), "x".repeat(255)],
];

for (const [name, path] of accepted) {
  test(`${JSON.stringify(name).slice(0, 40)} is ${path.slice(0, 40)}`, () => {
    assert.equal(resolveName(name).join("/"), path);
  });
}

const refused: readonly [name: string, code: string][] = [
  ["", "FILE_NOT_FOUND"],
  ["/", "FILE_NOT_FOUND"],
  [".", "FILE_NOT_FOUND"],
  ["a/..", "FILE_NOT_FOUND"],
  ["C:\\", "FILE_NOT_FOUND"],
  ["..", "ACCESS_VIOLATION"],
  ["../x", "ACCESS_VIOLATION"],
  ["/../x", "ACCESS_VIOLATION"],
  ["a/../../x", "ACCESS_VIOLATION"],
  ["a\\..\\..\\x", "ACCESS_VIOLATION"],
  ["C:\\..\\x", "ACCESS_VIOLATION"],
  ["../root/x", "ACCESS_VIOLATION"],
  ["x\0", "FILE_NOT_FOUND"],
  ["a\0/../../b", "FILE_NOT_FOUND"],
  ["a\nb", "FILE_NOT_FOUND"],
  ["a\x7f", "FILE_NOT_FOUND"],
  [".profile", "FILE_NOT_FOUND"],
  ["a/.git/config", "FILE_NOT_FOUND"],
  ["...", "FILE_NOT_FOUND"],
  ["x".repeat(256), "FILE_NOT_FOUND"],
  ["é".repeat(128), "FILE_NOT_FOUND"],
  ["x/".repeat(2048), "FILE_NOT_FOUND"],
];

for (const [name, code] of refused) {
  test(`${JSON.stringify(name).slice(0, 40)} is refused with ${code}`, () => {
    assert.throws(() => resolveName(name), { name: "TftpError", code });
  });
}

test("dot files are found when they are asked for, our own temporary names never", () => {
  assert.deepEqual(resolveName(".a/.b", { dotFiles: true }), [".a", ".b"]);
  const temporary = temporaryName("0011223344556677");
  for (const name of [temporary, `a/${temporary}`, temporary.toUpperCase()]) {
    assert.throws(() => resolveName(name, { dotFiles: true }), { code: "FILE_NOT_FOUND" });
  }
});

test("a name that repeats the root's path is what follows it", () => {
  assert.deepEqual(nameBelow("/srv/tftp/a/x", "/srv/tftp"), ["a", "x"]);
  assert.deepEqual(nameBelow("//srv/./tftp//x", "/srv/tftp"), ["x"]);
  assert.deepEqual(nameBelow("/home/.boot/x", "/home/.boot"), ["x"]);
});

test("a name that repeats only part of the root's path stays as it is", () => {
  assert.equal(nameBelow("/srv/x", "/srv/tftp"), undefined);
  assert.equal(nameBelow("/srv/tftp-secret/x", "/srv/tftp"), undefined);
  assert.equal(nameBelow("/srv/tftp/../x", "/srv/tftp"), undefined);
  assert.equal(nameBelow("/x", "/"), undefined);
});

test("below the root's path the same rules hold", () => {
  assert.throws(() => nameBelow("/srv/tftp", "/srv/tftp"), { code: "FILE_NOT_FOUND" });
  assert.throws(() => nameBelow("/srv/tftp/.x", "/srv/tftp"), { code: "FILE_NOT_FOUND" });
});

test("whatever the name, its segments can neither climb nor hide, or a TftpError says no", () => {
  const piece = fc.constantFrom(
    "..",
    ".",
    "/",
    "\\",
    "C:",
    "a",
    ".x",
    "\0",
    "%2e",
    "é",
    " ",
    "...",
  );
  const name = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
    fc.string({ unit: "binary", maxLength: 300 }),
  );
  const property = fc.property(name, fc.boolean(), (text, dotFiles) => {
    let segments: string[];
    try {
      segments = resolveName(text, { dotFiles });
    } catch (thrown) {
      assert.ok(thrown instanceof TftpError);
      return;
    }
    assert.ok(segments.length > 0);
    for (const segment of segments) {
      assert.doesNotMatch(segment, /^$|^\.\.?$|[\\/\0]/);
      if (!dotFiles) assert.ok(!segment.startsWith("."));
    }
  });
  fc.assert(property, { numRuns: 3000 });
});
