// Numbers as texts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDecimal } from "../../src/core/texts.ts";

test("only plain digits are a decimal number, at most fifteen of them", () => {
  assert.equal(parseDecimal("0"), 0);
  assert.equal(parseDecimal("999999999999999"), 999_999_999_999_999);
  for (const other of [
    "",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "-1",
    "1.0",
    "1e3",
    "0x1",
    "１",
    "9".repeat(16),
  ]) {
    assert.equal(parseDecimal(other), undefined, JSON.stringify(other));
  }
});
