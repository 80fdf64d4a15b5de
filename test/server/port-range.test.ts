// Ports out of a range: which are tried, and what is said when there is none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import type { Network } from "../../src/ports.ts";
import { checkRange, RangedPorts } from "../../src/server/port-range.ts";
import { keptSocket } from "../transfer/fakes.ts";

const range = { first: 5000, last: 5003 };

/** All ports but these are in use; what was tried. */
function ranged(free: readonly number[], code = "EADDRINUSE") {
  const tried: number[] = [];
  const network = {
    open: async ({ port }: { readonly port: number }) => {
      tried.push(port);
      if (free.includes(port)) return keptSocket();
      throw new TftpError("NETWORK", "taken", { cause: { code } });
    },
  } as unknown as Network;
  let drawn = 0;
  const random = (): number => (drawn += 0.3) % 1;
  return { ports: new RangedPorts(network, range, random), tried };
}

test("a port in use gives way to another one of the range", async () => {
  for (const free of [5000, 5001, 5002, 5003]) {
    const { ports, tried } = ranged([free]);
    await ports.open("192.0.2.1", {});
    assert.equal(tried.at(-1), free);
    assert.ok(tried.every((port) => port >= 5000 && port <= 5003));
  }
});

test("a range that is used up is BUSY, with a hint", async () => {
  const { ports, tried } = ranged([]);
  await assert.rejects(ports.open("192.0.2.1", {}), (error) => {
    assert.ok(error instanceof TftpError);
    assert.deepEqual([error.code, error.wireCode], ["BUSY", 0]);
    assert.match(error.hint ?? "", /--tid-ports/);
    return true;
  });
  assert.equal(new Set(tried).size, 4);
});

test("what else the system says is not tried again", async () => {
  const { ports, tried } = ranged([], "EACCES");
  await assert.rejects(ports.open("192.0.2.1", {}), /taken/);
  assert.equal(tried.length, 1);
});

test("a range that is none is refused", () => {
  for (const [first, last] of [
    [0, 5],
    [5, 4],
    [5, 70_000],
    [1.5, 3],
  ] as const) {
    assert.throws(() => checkRange({ first, last }), /no range of ports/);
  }
  checkRange({ first: 1, last: 65_535 });
});
