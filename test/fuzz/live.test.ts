// Server and client on real sockets in a hail of hostile datagrams. `npm run fuzz` does more of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hailClient } from "./live-client.ts";
import { hailServer } from "./live-server.ts";

const timeout = 120_000;

/** Sockets of this process. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "UDPWrap").length;
}

/** Last ACKs may still be repeated for a moment. */
async function closed(before: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (sockets() > before && performance.now() < deadline) {
    await new Promise((over) => setTimeout(over, 50));
  }
  assert.equal(sockets(), before, "sockets stay open");
}

for (const seed of [1, 2]) {
  test(`a server serves every good client in a hail of hostile datagrams, seed ${seed}`, {
    timeout,
  }, async () => {
    const before = sockets();
    const { transfers, good, answers } = await hailServer({ seed, packets: 1500 });
    assert.ok(transfers > good + 50, `only ${transfers} transfers were begun`);
    assert.ok(answers > 150, `only ${answers} answers`);
    await closed(before);
  });
}

for (const seed of [1, 2]) {
  test(`a client ends well or with a TftpError whatever it is answered, seed ${seed}`, {
    timeout,
  }, async () => {
    const before = sockets();
    const { completed, failed } = await hailClient({ seed, transfers: 60 });
    assert.ok(completed > 5 && failed > 5, `${completed} completed, ${failed} failed`);
    await closed(before);
  });
}
