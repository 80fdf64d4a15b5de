// Addresses there and back, as the kernel writes them and as we do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressBook } from "../../src/net/address-book.ts";

function sockaddr(host: readonly number[], port: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt16LE(2);
  bytes.writeUInt16BE(port, 2);
  bytes.set(host, 4);
  return bytes;
}

test("more peers than the book has places are told apart, each time", () => {
  const book = new AddressBook();
  for (let round = 0; round < 2; round++) {
    for (let number = 0; number < 40_000; number++) {
      const host = [10, number >> 8, number & 255, 7];
      const port = number < 20_000 ? 2070 : number;
      const bytes = sockaddr(host, port);
      const address = book.read(bytes, 0);
      assert.deepEqual(address, { host: host.join("."), port });
      const written = Buffer.alloc(32);
      assert.equal(book.write(address, written, 0), 16);
      assert.deepEqual(written, bytes);
    }
  }
});

test("a peer is the same object as long as it is known, however it was heard", () => {
  const book = new AddressBook();
  const address = book.read(sockaddr([192, 0, 2, 7], 2070), 0);
  assert.equal(book.read(sockaddr([192, 0, 2, 7], 2070), 0), address);
  assert.equal(book.named("192.0.2.7", 2070), address);
  assert.notEqual(book.named("192.0.2.7", 2071), address);
});

test("what is no numeric address with a port is not written", () => {
  const book = new AddressBook();
  for (const [host, port] of [
    ["boot.example", 69],
    ["192.0.2.7", 0],
    ["fe80::1%nowhere", 69],
  ] as const) {
    assert.equal(book.write({ host, port }, Buffer.alloc(32), 0), 0, host);
  }
  book.named("192.0.2.7", 2070);
  assert.equal(book.write({ host: "192.0.2.7", port: 0 }, Buffer.alloc(32), 0), 0);
});
