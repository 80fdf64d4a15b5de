// Our client against our server, on real sockets: what these tests share.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type MemoryStorage,
  memory,
  type ServeOptions,
  type Server,
  type ServerEvent,
  serve,
  TftpError,
} from "../../src/index.ts";

export interface Pair {
  readonly server: Server;
  readonly storage: MemoryStorage;
  readonly events: ServerEvent[];
  url(name: string): string;
}

/** A server with files in memory that can be overwritten; it is closed after the test. */
export async function pair(t: TestContext, options: Partial<ServeOptions> = {}): Promise<Pair> {
  const storage = memory({}, { uploads: "overwrite" });
  const events: ServerEvent[] = [];
  const onEvent = (event: ServerEvent) => void events.push(event);
  const server = await serve({ storage, host: "127.0.0.1", port: 0, onEvent, ...options });
  t.after(() => server.close());
  const { host, port } = server.address;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return { server, storage, events, url: (name) => `tftp://${authority}/${name}` };
}

/** Bytes that never repeat in step with a block or a chunk. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

/** As deepEqual, but quick, and silent about megabytes. */
export function assertSame(
  actual: Uint8Array | undefined,
  expected: Uint8Array,
  what: string,
): void {
  assert.ok(actual, `${what}: there is nothing`);
  if (Buffer.compare(actual, expected) === 0) return;
  const at = expected.findIndex((byte, index) => byte !== actual[index]);
  assert.fail(`${what}: ${actual.length} of ${expected.length} bytes, other from ${at} on`);
}

/** Resolves to the error; the promise must fail. */
export async function failure(run: Promise<unknown>): Promise<TftpError> {
  const thrown = await run.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof TftpError, `a TftpError was expected, not ${thrown}`);
  return thrown;
}
