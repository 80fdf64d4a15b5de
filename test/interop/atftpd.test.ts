// Our client against atftpd: the one common server that has windows (RFC 7440).

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { get, type TransferOptions } from "../../src/index.ts";
import { failure } from "../loopback/pair.ts";
import { freePort } from "../net/free-port.ts";
import { folder, manyBlocksBytes, weBring, weFetch } from "./exchange.ts";
import { start, testWith } from "./peers.ts";

async function server(t: TestContext, program: string): Promise<{ url: string; root: string }> {
  const root = await folder(t);
  const port = await freePort();
  await writeFile(join(root, "ready"), "ready", { mode: 0o666 });
  const where = ["--bind-address", "127.0.0.1", "--port", port];
  const who = ["--user", "root", "--group", "root"];
  const args = ["--daemon", "--no-fork", "--logfile", "-", ...where, ...who, root];
  const url = `tftp://127.0.0.1:${port}`;
  const patience = { plain: true, timeoutMillis: 100, retries: 0 };
  await start(t, program, args, () => get(`${url}/ready`, patience).bytes());
  return { url, root };
}

const cases: readonly TransferOptions[] = [
  {},
  { plain: true },
  { blksize: 1428 },
  { blksize: 512, windowsize: 16 },
  { blksize: 1428, windowsize: 8 },
  { blksize: 8192, windowsize: 8, timeoutMillis: 2000 },
];
for (const options of cases) {
  testWith("atftpd", `atftpd with ${JSON.stringify(options)}`, async (t, program) => {
    const { url, root } = await server(t, program);
    await weFetch(url, root, options);
    await weBring(url, root, options);
  });
}

testWith("atftpd", "atftpd agrees to the window that is asked", async (t, program) => {
  const { url, root } = await server(t, program);
  await writeFile(join(root, "x"), Buffer.alloc(100_000), { mode: 0o666 });
  const bytes: Uint8Array[] = [];
  const report = await get(`${url}/x`, { blksize: 1428, windowsize: 8 }).into({
    writev: async (payloads) => void bytes.push(...payloads),
    commit: async () => {},
    discard: async () => {},
  });
  assert.deepEqual([report.blksize, report.windowsize, report.size], [1428, 8, 100_000]);
  assert.equal(report.bytes, 100_000);
});

testWith("atftpd", "more than 65535 blocks come from atftpd in windows", async (t, program) => {
  const { url, root } = await server(t, program);
  await weFetch(url, root, { blksize: 512, windowsize: 16 }, [manyBlocksBytes]);
});

testWith("atftpd", "what atftpd refuses is an error with its code", async (t, program) => {
  const { url } = await server(t, program);
  assert.equal((await failure(get(`${url}/missing`).bytes())).code, "FILE_NOT_FOUND");
});
