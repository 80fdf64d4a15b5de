// The descriptor of a socket of node:dgram.

import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { test } from "node:test";
import { descriptorOf } from "../../src/net/descriptors.ts";
import { openPlainSocket } from "../../src/net/plain-udp.ts";

const linux = { skip: process.platform === "linux" ? false : "needs Linux" };

test("each plain socket tells a descriptor of its own", linux, async () => {
  const fds = new Set<number>();
  for (const host of ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::"]) {
    const socket = await openPlainSocket({ host, port: 0 }, {});
    const { fd } = socket;
    assert.ok(fd !== undefined, host);
    assert.match(readlinkSync(`/proc/self/fd/${fd}`), /^socket:/);
    await socket.close();
    assert.equal(descriptorOf(socket.local), undefined, "it is closed");
    fds.add(fd);
  }
  assert.ok(fds.size > 0);
});

test("an address that nobody is bound to has none", () => {
  assert.equal(descriptorOf({ host: "192.0.2.1", port: 69 }), undefined);
  assert.equal(descriptorOf({ host: "no address", port: 69 }), undefined);
});
