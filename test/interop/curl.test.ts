// curl against our server: tsize, blksize and timeout, or none, and more than 65535 blocks.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { brings, fetches, type Move, manyBlocksBytes, type Served, served } from "./exchange.ts";
import { run, testWith } from "./peers.ts";

function client(program: string, way: "get" | "put", to: Served, flags: readonly string[]): Move {
  const { host, port } = to.address;
  const base = `tftp://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const file = way === "get" ? "-o" : "-T";
  return (remote, local) => {
    return run(program, ["-gsS", "-m", "50", ...flags, file, local, `${base}/${remote}`]);
  };
}

const cases = [
  ["127.0.0.1", [], 512],
  ["::1", [], 512],
  ["127.0.0.1", ["--tftp-blksize", "1428"], 1428],
  ["127.0.0.1", ["--tftp-blksize", "65464"], 65464],
  ["127.0.0.1", ["--tftp-no-options"], 512],
] as const;
for (const [host, flags, blksize] of cases) {
  testWith(
    "curl",
    `curl ${flags.join(" ")} fetches and brings over ${host}`,
    async (t, program) => {
      const here = await served(t, host);
      await fetches(here, client(program, "get", here, flags));
      await brings(here, client(program, "put", here, flags));
      assert.ok(here.ended.every((transfer) => transfer.blksize === blksize));
      assert.ok(here.ended.every(({ resent }) => resent <= 1));
    },
  );
}

testWith("curl", "curl fetches more than 65535 blocks", async (t, program) => {
  const here = await served(t);
  await fetches(here, client(program, "get", here, []), [manyBlocksBytes]);
});

testWith("curl", "curl brings more than 65535 blocks", async (t, program) => {
  const here = await served(t);
  const move = client(program, "put", here, []);
  await brings(here, move, [manyBlocksBytes]);
});

testWith("curl", "curl knows from us that a file is missing or exists", async (t, program) => {
  const here = await served(t);
  const missing = client(program, "get", here, [])("missing", join(here.desk, "missing"));
  await assert.rejects(missing, /ended with 68/); // CURLE_TFTP_NOTFOUND
  await brings(here, client(program, "put", here, []), [5]);
  const again = client(program, "put", here, [])("put-5", join(here.desk, "put-5"));
  await assert.rejects(again, /ended with 73/); // CURLE_REMOTE_FILE_EXISTS
  await rm(join(here.root, "put-5"));
});
