// tftp-hpa's client against our server: RFC 1350 without any option, octet and netascii.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Address } from "../../src/index.ts";
import { brings, fetches, type Move, type Served, served } from "./exchange.ts";
import { run, testWith } from "./peers.ts";

function client(program: string, way: "get" | "put", { host, port }: Address): Move {
  return (remote, local) => {
    const names = way === "get" ? [remote, local] : [local, remote];
    return run(program, ["-m", "binary", host, `${port}`, "-c", way, ...names]);
  };
}

for (const host of ["127.0.0.1", "::1"]) {
  testWith("tftp", `tftp-hpa fetches and brings over ${host}`, async (t, program) => {
    const here = await served(t, host);
    await fetches(here, client(program, "get", here.address));
    await brings(here, client(program, "put", here.address));
    assert.ok(here.ended.every(({ blksize, options }) => blksize === 512 && !options));
  });
}

testWith("tftp", "tftp-hpa moves text in netascii, both ways", async (t, program) => {
  const here = await served(t);
  const text = "one\ntwo\r\nthree\rfour\n\n".repeat(100);
  await writeFile(join(here.root, "text"), text);
  const ascii = (...command: string[]) => {
    const { host, port } = here.address;
    return run(program, ["-m", "ascii", host, `${port}`, "-c", ...command]);
  };
  await ascii("get", "text", join(here.desk, "text"));
  assert.equal(await readFile(join(here.desk, "text"), "latin1"), text);
  // A CR of its own is lost by some versions of this client when they send it.
  const lines = "one\ntwo\n\nthree\n".repeat(100);
  await writeFile(join(here.desk, "lines"), lines);
  await ascii("put", join(here.desk, "lines"), "lines");
  assert.equal(await readFile(join(here.root, "lines"), "latin1"), lines);
  assertModes(here);
});

function assertModes({ ended }: Served): void {
  assert.deepEqual(
    ended.map(({ mode }) => mode),
    ["netascii", "netascii"],
  );
}

testWith("tftp", "tftp-hpa is told why a file cannot be had or brought", async (t, program) => {
  const here = await served(t);
  await writeFile(join(here.root, "there"), "there");
  await writeFile(join(here.desk, "new"), "new");
  // This client ends with status 0 whatever happens.
  const missing = client(program, "get", here.address)("missing", join(here.desk, "missing"));
  assert.match(await quietly(missing), /not found/i);
  const existing = client(program, "put", here.address)("there", join(here.desk, "new"));
  assert.match(await quietly(existing), /exists/i);
  assert.equal(await readFile(join(here.root, "there"), "latin1"), "there");
});

async function quietly(printed: Promise<unknown>): Promise<string> {
  return String(await printed.catch((error: Error) => error.message));
}
