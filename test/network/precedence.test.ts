// --dscp: what a network does with it is its own affair; here it is seen to be there.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { serve } from "../../src/index.ts";
import { failsWith, tidewire } from "../cli/command.ts";
import { folder } from "../interop/exchange.ts";
import { ack, rrq, wrq } from "../server/device.ts";
import { files } from "../server/scene.ts";
import { oneCable, testInNetwork } from "./hosts.ts";

const plan = oneCable(
  1500,
  ...[
    "table inet t",
    "chain inet t in { type filter hook input priority 0; }",
    "rule inet t in meta l4proto udp ip dscp 46 counter",
    "rule inet t in meta l4proto udp ip dscp != 46 counter",
    "rule inet t in meta l4proto udp ip6 dscp 46 counter",
    "rule inet t in meta l4proto udp ip6 dscp != 46 counter",
  ].map((line) => `ip netns exec $client nft 'add ${line}'`),
);

for (const [title, ...flags] of [
  ["every answer bears the precedence that was asked for"],
  ["every answer from a single port bears the precedence, too", "--single-port"],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const root = await folder(t);
    await writeFile(join(root, "small"), "small", { mode: 0o644 });
    await net.serve("server", root, "--dscp", "46", "--uploads", "create", ...flags);
    for (const [own, host] of [
      ["10.0.0.1", "10.0.0.2"],
      ["fd00::1", "fd00::2"],
    ] as const) {
      const device = net.device(t, "client", own);
      await device.send(rrq("missing"), { host, port: 69 });
      await device.expectError(1);
      await device.send(rrq("small"), { host, port: 69 });
      await device.send(ack(1), (await device.expectData(1)).from);
      await net.device(t, "client", own).send(wrq(`new-${own}`), { host, port: 69 });
      const other = net.device(t, "client", own);
      await other.send(wrq(`newer-${own}`), { host, port: 69 });
      await other.expectAck(0);
    }
    const table = await net.run("client", "nft", "list", "table", "inet", "t");
    const packets = [...table.matchAll(/packets (\d+)/g)].map(([, number]) => Number(number));
    assert.equal(packets.length, 4);
    const [marked = 0, unmarked, marked6 = 0, unmarked6] = packets;
    assert.ok(marked >= 3 && marked6 >= 3, table);
    assert.deepEqual([unmarked, unmarked6], [0, 0], table);
  });
}

test("a precedence that is none is refused", async () => {
  await assert.rejects(
    serve({ storage: files(), host: "127.0.0.1", port: 0, dscp: 64 }),
    (error) => {
      assert.ok(error instanceof TftpError);
      assert.equal(error.code, "INVALID_ARGUMENT");
      return true;
    },
  );
});

test("where precedence cannot be set, the server says so and does not start", async () => {
  const where = ["--listen", "127.0.0.1", "--port", "0"];
  const env = { TIDEWIRE_OFFLOAD: "off" };
  const result = await tidewire(["serve", ...where, "--dscp", "46"], { env });
  failsWith(result, 1, /IP precedence cannot be set here\.\nHint: .*koffi/);
});
