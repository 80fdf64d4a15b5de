// What the storage tests share: a folder with a secret beside it, whole reads, and error checks.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { TftpError, type TftpErrorCode } from "../../src/core/errors.ts";
import type { RequestInfo, Sink, Source, Storage } from "../../src/ports.ts";

export const request: RequestInfo = {
  client: { host: "192.0.2.1", port: 2000 },
  mode: "octet",
  options: new Map(),
};

export const secret = "the secret beside the root";

export interface Scene {
  readonly root: string;
  /** A folder beside the root, with `secret.txt` in it. */
  readonly outside: string;
  put(name: string, content: string | Uint8Array): Promise<string>;
  list(folder?: string): Promise<string[]>;
}

/** Is removed after the test. */
export async function scene(t: TestContext): Promise<Scene> {
  const base = await mkdtemp(join(tmpdir(), "tidewire-storage-"));
  t.after(() => rm(base, { recursive: true, force: true }));
  const root = join(base, "root");
  const outside = join(base, "outside");
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret.txt"), secret);
  return {
    root,
    outside,
    async put(name, content) {
      const path = join(root, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      return path;
    },
    list: async (folder = "") => (await readdir(join(root, folder))).sort(),
  };
}

/** All bytes, read in steps of `stepBytes` through parts of uneven length; closes the source. */
export async function readWhole(source: Source, stepBytes = 1000): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let position = 0;
  try {
    for (;;) {
      const step = Buffer.alloc(stepBytes);
      const third = Math.floor(stepBytes / 3);
      const parts = [step.subarray(0, third), step.subarray(third, third), step.subarray(third)];
      const count = await source.readv(parts, position);
      chunks.push(step.subarray(0, count));
      position += count;
      if (count < stepBytes) return Buffer.concat(chunks);
    }
  } finally {
    await source.close();
  }
}

export async function readText(storage: Storage, name: string): Promise<string> {
  return (await readWhole(await storage.openRead(name, request))).toString();
}

export async function write(storage: Storage, name: string, content: string): Promise<void> {
  const sink = await storage.openWrite(name, request);
  await sink.writev(parts(content));
  await sink.commit();
}

export function open(storage: Storage, name: string): Promise<Sink> {
  return storage.openWrite(name, request);
}

/** The text in pieces of up to 3 bytes. */
export function parts(content: string): Uint8Array[] {
  const bytes = Buffer.from(content);
  return Array.from({ length: Math.ceil(bytes.length / 3) }, (_, at) =>
    bytes.subarray(at * 3, at * 3 + 3),
  );
}

/** Resolves to the error, which must be a TftpError of this code. */
export async function fails(run: Promise<unknown>, code: TftpErrorCode): Promise<TftpError> {
  const error = await run.then(
    () => assert.fail(`nothing was thrown, not ${code}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TftpError)) throw error;
  assert.equal(error.code, code, error.message);
  return error;
}
