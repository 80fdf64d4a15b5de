// What onEvent throws is the matter of who wrote it: no transfer ends of it, no client hears of it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const library = new URL("../../src/index.js", import.meta.url);
const run = promisify(execFile);

for (const singlePort of [false, true]) {
  const name = `what onEvent throws is not caught and ends nothing, single port: ${singlePort}`;
  test(name, async () => {
    const script = `
      const { get, memory, put, serve } = await import("${library}");
      const thrown = [];
      process.on("uncaughtException", (error) => thrown.push(error.message));
      const storage = memory({ a: Buffer.alloc(2000, 7) }, { uploads: "create" });
      const onEvent = ({ kind }) => {
        if (kind !== "listening") throw new Error(kind);
      };
      const host = "127.0.0.1";
      const server = await serve({ storage, host, port: 0, singlePort: ${singlePort}, onEvent });
      const base = "tftp://127.0.0.1:" + server.address.port;
      const got = [];
      got.push((await get(base + "/a").bytes()).length);
      await put(base + "/b", Buffer.alloc(3));
      got.push((await get(base + "/missing").bytes().catch(({ code }) => code)));
      got.push((await get(base + "/b").bytes()).length);
      while (server.snapshot().length > 0) await new Promise(setImmediate);
      await server.close();
      console.log(JSON.stringify({ got, thrown }));`;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script]);
    const { got, thrown } = JSON.parse(stdout) as { got: unknown[]; thrown: string[] };
    assert.deepEqual(got, [2000, "FILE_NOT_FOUND", 3]);
    const count = (kind: string): number => thrown.filter((each) => each === kind).length;
    assert.deepEqual([count("started"), count("ended"), count("refused")], [3, 3, 1]);
  });
}
