// Who is here: found by address and port, however many come and go.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "../../src/ports.ts";
import { type Entry, markOf, PeerTable } from "../../src/transfer/peer-table.ts";

interface Guest extends Entry<Guest> {
  readonly name: string;
}

function guest(port: number, name = ""): Guest {
  const peer = { host: "192.0.2.7", port };
  return { peer, name, mark: markOf(peer), next: undefined };
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
  assert.deepEqual(new Set(table.values()), new Set(left));
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

test("of several each comes first at some time", () => {
  const { table } = crowd(5);
  const first = new Set<number | undefined>();
  for (let times = 0; times < 1000; times++) first.add(table.values()[0]?.peer.port);
  assert.equal(first.size, 5);
});
