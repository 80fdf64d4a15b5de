// Files of telling sizes go to and from a foreign program and are compared by SHA-256.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  type Address,
  directory,
  fileSink,
  get,
  put,
  type ServerEvent,
  serve,
  type TransferInfo,
  type TransferOptions,
} from "../../src/index.ts";
import { noise } from "../loopback/pair.ts";

/** Empty, around the default block, a multiple of it, and about a megabyte. */
const sizes: readonly number[] = [0, 1, 511, 512, 513, 51_200, 1_000_003];

/** More blocks of 512 bytes than 16 bits can count: over 32 MiB. */
export const manyBlocksBytes = 65_540 * 512 + 7;

/** One call of a foreign client; `local` is a file's full path. */
export type Move = (remote: string, local: string) => Promise<unknown>;

export interface Served {
  readonly address: Address;
  readonly root: string;
  /** A folder for what the client holds. */
  readonly desk: string;
  readonly events: readonly ServerEvent[];
  /** The transfers that ended, in order. */
  readonly ended: readonly TransferInfo[];
}

/** Our server on a folder that takes uploads. */
export async function served(t: TestContext, host = "127.0.0.1"): Promise<Served> {
  const root = await folder(t);
  const events: ServerEvent[] = [];
  const server = await serve({
    storage: directory(root, { uploads: "create" }),
    host,
    port: 0,
    onEvent: (event) => events.push(event),
  });
  t.after(() => server.close());
  return {
    address: server.address,
    root,
    desk: await folder(t),
    events,
    get ended() {
      return events.flatMap((event) => (event.kind === "ended" ? [event.transfer] : []));
    },
  };
}

/** The foreign client fetches files of these sizes. */
export async function fetches(
  { root, desk, events }: Served,
  move: Move,
  lengths: readonly number[] = sizes,
): Promise<void> {
  for (const length of lengths) {
    const name = `get-${length}`;
    await writeFile(join(root, name), noise(length));
    await move(name, join(desk, name));
    await assertEqualFiles(join(desk, name), join(root, name));
  }
  assertNoAlarm(events);
}

/** The foreign client brings files of these sizes. */
export async function brings(
  { root, desk, events }: Served,
  move: Move,
  lengths: readonly number[] = sizes,
): Promise<void> {
  for (const length of lengths) {
    const name = `put-${length}`;
    await writeFile(join(desk, name), noise(length, 3));
    await move(name, join(desk, name));
    await assertEqualFiles(join(root, name), join(desk, name));
  }
  assertNoAlarm(events);
}

/** What went well has no cause of failure. */
function assertNoAlarm(events: readonly ServerEvent[]): void {
  const alarms = events.flatMap((event) =>
    event.kind === "ended" && event.diagnosis ? [event.diagnosis] : [],
  );
  assert.deepEqual(alarms, []);
}

/** Our client fetches files of these sizes from a foreign server on `root`. */
export async function weFetch(
  url: string,
  root: string,
  options: TransferOptions,
  lengths: readonly number[] = sizes,
): Promise<void> {
  for (const length of lengths) {
    const name = `get-${length}`;
    const local = join(root, `copy-of-${name}`);
    await writeFile(join(root, name), noise(length));
    await chmod(join(root, name), 0o666);
    const report = await get(`${url}/${name}`, options).into(await fileSink(local));
    assert.equal(report.bytes, length);
    await assertEqualFiles(local, join(root, name));
    await rm(local);
  }
}

/** Our client brings files of these sizes to a foreign server on `root`. */
export async function weBring(
  url: string,
  root: string,
  options: TransferOptions,
  lengths: readonly number[] = sizes,
): Promise<void> {
  for (const length of lengths) {
    const name = `put-${length}`;
    const content = noise(length, 3);
    await put(`${url}/${name}`, content, options);
    const expected = createHash("sha256").update(content).digest("hex");
    assert.equal(await settledDigest(join(root, name), expected), expected, name);
    await rm(join(root, name));
  }
}

/** Anybody may read and write it: some servers want it so. Is removed after the test. */
export async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tidewire-interop-"));
  await chmod(path, 0o777);
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function assertEqualFiles(actual: string, expected: string): Promise<void> {
  assert.equal(await digest(actual), await digest(expected), actual);
}

/** A server may acknowledge the last block before the file is written: ask for a while. */
async function settledDigest(path: string, expected: string): Promise<string> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const found = await digest(path).catch(() => "no file");
    if (found === expected || performance.now() > deadline) return found;
  }
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}
