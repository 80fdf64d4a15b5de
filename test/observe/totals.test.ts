// The sums over all transfers of a server, compared with what its clients have moved.

import assert from "node:assert/strict";
import { test } from "node:test";
import { get, memory, put, type ServerEvent, serve } from "../../src/index.ts";
import { Totals } from "../../src/observe/totals.ts";

const sizes = [0, 1, 511, 512, 513, 1024];
/** RFC 1350 2: the last block is shorter than the others, perhaps empty. */
const blocks = 1 + 1 + 1 + 2 + 2 + 3;
const bytes = sizes.reduce((sum, size) => sum + size, 0);

for (const [how, options, count] of [
  ["of 512 bytes", { blksize: 512 }, blocks],
  ["as large as it gets", {}, sizes.length],
  ["without options, so that no size is known", { plain: true }, blocks],
] as const) {
  test(`blocks ${how} count with the last one`, async () => {
    const totals = new Totals();
    const storage = memory({}, { uploads: "create" });
    const onEvent = (event: ServerEvent): void => totals.handleEvent(event);
    const server = await serve({ storage, host: "127.0.0.1", port: 0, onEvent });
    const url = `tftp://127.0.0.1:${server.address.port}`;
    for (const size of sizes) await put(`${url}/${size}`, new Uint8Array(size), options);
    for (const size of sizes) await get(`${url}/${size}`, options).bytes();
    await server.close({ graceMillis: 5000 });
    const { get: got, put: brought } = totals.now();
    assert.deepEqual([brought.blocks, brought.bytes], [count, bytes]);
    assert.deepEqual([got.blocks, got.bytes], [count, bytes]);
  });
}
