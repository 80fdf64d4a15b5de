// Our client against tftp-hpa's server: options without windows, uploads, its own errors.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { get, put, type TransferOptions } from "../../src/index.ts";
import { failure } from "../loopback/pair.ts";
import { freePort } from "../net/free-port.ts";
import { folder, weBring, weFetch } from "./exchange.ts";
import { start, testWith } from "./peers.ts";

interface Running {
  readonly url: string;
  readonly root: string;
}

async function server(t: TestContext, program: string, host: string): Promise<Running> {
  const root = await folder(t);
  const port = await freePort();
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  await writeFile(join(root, "ready"), "ready", { mode: 0o666 });
  const user = ["--user", "root", "--permissive"];
  const args = ["--foreground", "--address", authority, "--create", "--secure", ...user, root];
  const url = `tftp://${authority}`;
  const patience = { plain: true, timeoutMillis: 100, retries: 0 };
  await start(t, program, args, () => get(`${url}/ready`, patience).bytes());
  return { url, root };
}

const cases: readonly (readonly [host: string, options: TransferOptions])[] = [
  ["127.0.0.1", {}],
  ["127.0.0.1", { plain: true }],
  ["127.0.0.1", { blksize: 1428, timeoutMillis: 2000 }],
  ["::1", {}],
];
for (const [host, options] of cases) {
  const name = `in.tftpd at ${host} with ${JSON.stringify(options)}`;
  testWith("in.tftpd", name, async (t, program) => {
    const { url, root } = await server(t, program, host);
    await weFetch(url, root, options);
    await weBring(url, root, options);
  });
}

testWith("in.tftpd", "in.tftpd moves text in netascii", async (t, program) => {
  const { url, root } = await server(t, program, "127.0.0.1");
  const text = "one\ntwo\n\nthree\n".repeat(100);
  await put(`${url}/text;mode=netascii`, Buffer.from(text));
  assert.equal(await get(`${url}/text;mode=netascii`).text(), text);
  assert.equal(await get(`${url}/text`).text(), text);
  await weFetch(url, root, {}, [7]);
});

testWith("in.tftpd", "what in.tftpd refuses is an error with its code", async (t, program) => {
  const { url } = await server(t, program, "127.0.0.1");
  const thrown = await failure(get(`${url}/missing`).bytes());
  assert.equal(thrown.code, "FILE_NOT_FOUND");
  assert.equal(thrown.origin, "remote");
});
