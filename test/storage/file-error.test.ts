import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { fileError, systemCode } from "../../src/storage/file-error.ts";

const meanings: readonly [systemCode: string, code: string, message: string][] = [
  ["ENOENT", "FILE_NOT_FOUND", "file not found"],
  ["ENOTDIR", "FILE_NOT_FOUND", "file not found"],
  ["ENAMETOOLONG", "FILE_NOT_FOUND", "file not found"],
  ["ELOOP", "FILE_NOT_FOUND", "file not found"],
  ["EACCES", "ACCESS_VIOLATION", "access denied"],
  ["EPERM", "ACCESS_VIOLATION", "access denied"],
  ["EROFS", "ACCESS_VIOLATION", "the file system is read-only"],
  ["EISDIR", "ACCESS_VIOLATION", "not a regular file"],
  ["EEXIST", "FILE_EXISTS", "file already exists"],
  ["ENOSPC", "DISK_FULL", "disk full"],
  ["EDQUOT", "DISK_FULL", "disk full"],
  ["EFBIG", "DISK_FULL", "disk full"],
  ["EMFILE", "BUSY", "too many open files, try again later"],
  ["ENFILE", "BUSY", "too many open files, try again later"],
  ["EIO", "STORAGE", "the file cannot be read or written"],
];

for (const [system, code, message] of meanings) {
  test(`${system} is ${code}, and its path stays in the cause`, () => {
    const thrown = Object.assign(new Error(`${system}: open '/secret/path'`), { code: system });
    const error = fileError(thrown);
    assert.equal(error.code, code);
    assert.equal(error.message, message);
    assert.equal(error.cause, thrown);
    assert.equal(error.hint !== undefined, code === "BUSY");
  });
}

test("a TftpError stays as it is, and what is no error is a STORAGE error", () => {
  const busy = new TftpError("BUSY", "later");
  assert.equal(fileError(busy), busy);
  assert.equal(fileError("text").code, "STORAGE");
  assert.equal(systemCode({ code: "ENOENT" }), undefined);
});
