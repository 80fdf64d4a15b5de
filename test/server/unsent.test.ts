// A transfer that ends before its port had room for anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, Storage } from "../../src/ports.ts";
import { rrq } from "./device.ts";
import { files } from "./scene.ts";
import { virtualServer } from "./virtual.ts";

test("the content of a transfer that could send nothing is closed", async () => {
  let open = 0;
  const stored = files();
  const storage: Storage = {
    ...stored,
    openRead: async (name, request) => {
      const source = await stored.openRead(name, request);
      open += 1;
      return {
        ...{ size: source.size ?? 0, readv: (into, position) => source.readv(into, position) },
        close: async () => {
          open -= 1;
          await source.close();
        },
      };
    },
  };
  const virtual = virtualServer({}, { storage });
  const client = (port: number): Address => ({ host: "198.51.100.1", port });
  await virtual.ask(client(1), rrq("five.bin", { tsize: 0 }));
  const [shared] = virtual.sockets;
  assert.ok(shared);
  Object.assign(shared, { writable: false });
  await virtual.ask(client(2), rrq("five.bin", { tsize: 0 }));
  assert.equal(open, 2);
  const closed = virtual.server.close(0);
  Object.assign(shared, { writable: true });
  shared.onWritable();
  await closed;
  assert.equal(open, 0);
});
