// What was looked at once holds for all that had arrived by then, and for nothing later.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "../../src/core/run.ts";
import { openSocket } from "../../src/net/node-network.ts";

test("a receipt has a number while it is handled, and none afterwards", async (t) => {
  const host = "127.0.0.1";
  const [socket, other] = [
    await openSocket({ host, port: 0 }),
    await openSocket({ host, port: 0 }),
  ];
  t.after(() => Promise.all([socket.close(), other.close()]));
  if (socket.maxSegments < 64) return t.skip("without offload nobody counts");
  const seen: (number | undefined)[] = [];
  const handled = new Promise<void>((resolve) => {
    socket.onDatagram = () => {
      seen.push(socket.receipt);
      queueMicrotask(() => seen.push(socket.receipt));
      setImmediate(resolve);
    };
  });
  assert.equal(socket.receipt, undefined);
  other.send(Run.of(new Uint8Array(4)), socket.local);
  await handled;
  const [inside, after] = seen;
  assert.equal(typeof inside, "number");
  assert.equal(after, undefined);
  assert.equal(socket.receipt, undefined);
});
