// What comes and goes in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Chain, type Link } from "../../src/transfer/chain.ts";

interface Named extends Link<Named> {
  readonly name: string;
}

function named(name: string): Named {
  return { name, before: undefined, after: undefined };
}

test("who leaves is gone, whether first, last or between, and who comes is last", () => {
  const chain = new Chain<Named>();
  const names = (): string => Array.from(chain.values(), ({ name }) => name).join("");
  const [a, b, c, d] = ["a", "b", "c", "d"].map(named) as [Named, Named, Named, Named];
  for (const each of [a, b, c, d]) chain.add(each);
  chain.delete(b);
  assert.equal(names(), "acd");
  chain.delete(d);
  chain.add(b);
  assert.equal(names(), "acb");
  chain.delete(a);
  chain.delete(b);
  chain.delete(c);
  assert.equal(chain.isEmpty, true);
  chain.add(d);
  assert.equal(names(), "d");
});
