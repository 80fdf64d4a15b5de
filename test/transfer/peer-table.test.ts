// Who is here: found by address and port, however many come and go.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Address } from "../../src/ports.ts";
import { type Entry, markOf, PeerTable } from "../../src/transfer/peer-table.ts";

interface Guest extends Entry<Guest> {
  readonly name: string;
}

const unlinked = { before: undefined, after: undefined };

function guest(port: number, name = ""): Guest {
  const peer = { host: "192.0.2.7", port };
  return { peer, name, mark: markOf(peer), next: undefined, ...unlinked };
}

function at(port: number): Address {
  return { host: "192.0.2.7", port };
}

/** More than there are chains at first, so that each of some has several. */
function crowd(count: number): { readonly table: PeerTable<Guest>; readonly guests: Guest[] } {
  const table = new PeerTable<Guest>();
  const guests = Array.from({ length: count }, (_, port) => guest(port));
  for (const each of guests) table.set(each);
  return { table, guests };
}

test("each of a crowd is found by its peer, whatever object names that", () => {
  const { table, guests } = crowd(1000);
  assert.equal(table.size, 1000);
  for (const each of guests) assert.equal(table.get({ ...each.peer }), each);
  assert.equal(table.get(at(1000)), undefined);
  assert.equal(table.get({ host: "192.0.2.8", port: 1 }), undefined);
});

test("who leaves is gone, and nobody else", () => {
  const { table, guests } = crowd(1000);
  for (const each of guests) if (each.peer.port % 3 !== 0) assert.equal(table.delete(each), true);
  const left = guests.filter(({ peer }) => peer.port % 3 === 0);
  assert.equal(table.size, left.length);
  for (const each of guests) {
    assert.equal(table.get(each.peer), left.includes(each) ? each : undefined);
  }
  assert.deepEqual(table.values(), left);
  assert.equal(table.delete(guests[1] as Guest), false);
  assert.equal(table.size, left.length);
});

test("for one peer the latest stands there, and the former one cannot take it away", () => {
  const table = new PeerTable<Guest>();
  const [former, latest] = [guest(1, "former"), guest(1, "latest")];
  table.set(former);
  table.set(latest);
  assert.equal(table.size, 1);
  assert.equal(table.delete(former), false);
  assert.equal(table.get(at(1))?.name, "latest");
});

test("they are told in the order in which they came", () => {
  const { table, guests } = crowd(1000);
  assert.deepEqual(table.values(), guests);
  const [first] = guests as [Guest];
  table.set(guest(0, "again"));
  assert.deepEqual(table.values().slice(0, -1), guests.slice(1));
  assert.notEqual(table.values().at(-1), first);
});

test("whose marks are alike cannot be told beforehand", async () => {
  const module = new URL("../../src/transfer/peer-table.js", import.meta.url);
  const ports = "[1, 2, 3].map((port) => markOf({ host: '192.0.2.7', port }))";
  const code = `const { markOf } = await import("${module}"); console.log(${ports}.join());`;
  const run = promisify(execFile);
  const args = ["--input-type=module", "-e", code];
  const [one, other] = await Promise.all([1, 2].map(() => run(process.execPath, args)));
  assert.notEqual(one?.stdout, other?.stdout);
});
