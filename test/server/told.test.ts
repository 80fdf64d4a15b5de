// Who was told an ERROR lately.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Told } from "../../src/server/told.ts";

test("who was told an ERROR is known for ten seconds, from the last one on", () => {
  const told = new Told();
  told.note("a", 0);
  told.note("b", 0);
  told.note("a", 5000);
  assert.deepEqual([told.has("a", 9999), told.has("b", 9999)], [true, true]);
  assert.deepEqual([told.has("a", 14_999), told.has("b", 10_000)], [true, false]);
  assert.equal(told.has("c", 0), false);
});

test("of more than a thousand the one that was told longest ago is forgotten", () => {
  const told = new Told();
  for (let client = 0; client < 1024; client++) told.note(`${client}`, 0);
  told.note("0", 0);
  told.note("one more", 0);
  assert.deepEqual(
    ["0", "1", "2", "one more"].map((client) => told.has(client, 0)),
    [true, false, true, true],
  );
});
