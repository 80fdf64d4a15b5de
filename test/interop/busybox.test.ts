// busybox's client, as in many initial RAM disks, against our server.

import assert from "node:assert/strict";
import { brings, fetches, type Move, type Served, served } from "./exchange.ts";
import { run, testWith } from "./peers.ts";

function client(program: string, way: "get" | "put", to: Served, flags: readonly string[]): Move {
  const { host, port } = to.address;
  const flag = way === "get" ? "-g" : "-p";
  return (remote, local) => {
    const names = ["-r", remote, "-l", local];
    return run(program, ["tftp", flag, ...flags, ...names, host, `${port}`]);
  };
}

const cases = [
  ["127.0.0.1", [], 512],
  ["::1", [], 512],
  ["127.0.0.1", ["-b", "1428"], 1428],
  ["127.0.0.1", ["-b", "16384"], 16384],
] as const;
for (const [host, flags, blksize] of cases) {
  const name = `busybox tftp ${flags.join(" ")} fetches and brings over ${host}`;
  testWith("busybox", name, async (t, program) => {
    const here = await served(t, host);
    await fetches(here, client(program, "get", here, flags));
    await brings(here, client(program, "put", here, flags));
    assert.ok(here.ended.every((transfer) => transfer.blksize === blksize));
  });
}
