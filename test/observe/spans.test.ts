// Spans of OpenTelemetry, with its own API and SDK: one for each transfer, none without a tracer.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { get, memory, put, type ServeOptions, serve } from "../../src/index.ts";

const exporter = new InMemorySpanExporter();
const processor = new SimpleSpanProcessor(exporter);
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));

async function spansOf(
  options: ServeOptions,
  use: (url: string) => Promise<unknown>,
): Promise<ReadableSpan[]> {
  exporter.reset();
  const server = await serve({ host: "127.0.0.1", port: 0, ...options });
  await use(`tftp://127.0.0.1:${server.address.port}`);
  await server.close({ graceMillis: 2000 });
  return exporter.getFinishedSpans();
}

test("each transfer is a span with what is known of it", async () => {
  const before = Date.now();
  const content = new Uint8Array(5000);
  const found = await spansOf({ storage: memory({ a: content }, { uploads: "create" }) }, (url) =>
    Promise.all([
      get(`${url}/a`, { blksize: 1000, windowsize: 4 }).bytes(),
      put(`${url}/b`, content),
    ]),
  );
  assert.deepEqual(found.map(({ name }) => name).sort(), ["tftp get", "tftp put"]);
  const span = found.find(({ name }) => name === "tftp get") as ReadableSpan;
  const { "client.port": port, "tftp.transfer.id": id, ...attributes } = span.attributes;
  assert.ok(Number(port) > 0 && Number(id) > 0);
  for (const [name, value] of Object.entries({
    "network.protocol.name": "tftp",
    "client.address": "127.0.0.1",
    "file.name": "a",
    "file.size": 5000,
    "tftp.direction": "get",
    "tftp.block_size": 1000,
    "tftp.window_size": 4,
    "tftp.bytes": 5000,
    "tftp.retransmissions": 0,
    "tftp.outcome": "completed",
  })) {
    assert.equal(attributes[name], value, name);
  }
  assert.equal(span.kind, SpanKind.SERVER);
  assert.equal(span.status.code, SpanStatusCode.UNSET);
  const [start, end] = [span.startTime, span.endTime].map(([s, nanos]) => s * 1000 + nanos / 1e6);
  assert.ok(Number(start) >= before - 1000 && Number(end) >= Number(start));
});

test("a transfer that did not end well is a span with an error", async () => {
  const storage = memory({ a: new Uint8Array(100_000) });
  const [span] = await spansOf({ storage }, async (url) => {
    const chunks = get(`${url}/a`, { blksize: 512 })[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.return?.();
  });
  assert.equal(span?.attributes["tftp.outcome"], "aborted");
  assert.equal(span.status.code, SpanStatusCode.ERROR);
  assert.equal(typeof span.attributes["error.type"], "string");
});

test("a tracer that an older copy of the package has registered is used", () => {
  const index = fileURLToPath(new URL("../../src/index.js", import.meta.url));
  const program = `
    const span = { setStatus() {}, end: () => console.log("ended") };
    const tracer = { startSpan: (name) => (console.log(name), span) };
    globalThis[Symbol.for("opentelemetry.js.api.1")] =
      { version: "1.4.0", trace: { getTracer: () => tracer } };
    const { get, memory, serve } = await import(${JSON.stringify(index)});
    const storage = memory({ a: new Uint8Array(1) });
    const server = await serve({ storage, host: "127.0.0.1", port: 0 });
    await get("tftp://127.0.0.1:" + server.address.port + "/a").bytes();
    await server.close({ graceMillis: 2000 });`;
  const args = ["--input-type=module", "--eval", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(stdout, "tftp get\nended\n", stderr);
});

test("where nobody traces, the package is not loaded", () => {
  const index = fileURLToPath(new URL("../../src/index.js", import.meta.url));
  const program = `
    import { createRequire } from "node:module";
    import { memory, serve } from ${JSON.stringify(index)};
    const server = await serve({ storage: memory({}), host: "127.0.0.1", port: 0 });
    await server.close();
    const { cache } = createRequire(${JSON.stringify(index)});
    console.log(Object.keys(cache).filter((path) => path.includes("opentelemetry")).length);`;
  const args = ["--input-type=module", "--eval", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.equal(stdout, "0\n", stderr);
});
