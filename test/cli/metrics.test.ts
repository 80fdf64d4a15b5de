// The metrics: what they count, their form, and that dashboard and alerts name nothing else.

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Metrics } from "../../src/cli/metrics.ts";
import {
  get,
  memory,
  type ServerEvent,
  serve,
  TftpError,
  type TransferInfo,
} from "../../src/index.ts";
import { Totals } from "../../src/observe/totals.ts";
import { folder, serving } from "./command.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const client = { host: "192.0.2.7", port: 2000 };
const transfer: TransferInfo = {
  ...{ id: 1, op: "rrq", filename: "a", mode: "octet", options: true, startedAt: 0 },
  ...{ client, local: client, blksize: 512, windowsize: 1, bytes: 1024, size: 1024 },
  ...{ durationMillis: 30, resent: 2, duplicates: 3, roundTripMillis: 0.3 },
};

function scene() {
  const totals = new Totals();
  const metrics = new Metrics("1", totals);
  const tell = (event: ServerEvent): void => {
    totals.handleEvent(event);
    metrics.handleEvent(event);
  };
  return { totals, metrics, tell, values: async () => parse(await metrics.registry.metrics()) };
}

test("ended transfers are counted by direction, outcome and family", async () => {
  const { tell, values } = scene();
  tell({ kind: "ended", ending: "completed", transfer });
  const named = { ...transfer, op: "wrq", family: 'odd "one"\n' } as const;
  tell({ kind: "ended", ending: "failed", transfer: named });
  const now = await values();
  const of = (name: string): number | undefined => now.get(name);
  assert.equal(of('tidewire_transfers_total{op="get",outcome="completed",family="unknown"}'), 1);
  const odd = String.raw`op="put",outcome="failed",family="odd \"one\"\n"`;
  assert.equal(of(`tidewire_transfers_total{${odd}}`), 1);
  assert.equal(of('tidewire_blocks_total{op="get"}'), 3, "the last block is empty");
  assert.equal(of('tidewire_retransmissions_total{op="get"}'), 2);
  assert.equal(of('tidewire_duplicates_total{op="put"}'), 3);
  assert.equal(of('tidewire_transfer_duration_seconds_bucket{le="0.02",op="get"}'), 0);
  assert.equal(of('tidewire_transfer_duration_seconds_bucket{le="0.1",op="get"}'), 1);
  assert.equal(of('tidewire_transfer_duration_seconds_count{op="get"}'), 1);
  assert.equal(of("tidewire_round_trip_seconds_count"), 2);
});

test("families that clients make up do not make more and more series", async () => {
  const { tell, values } = scene();
  for (let at = 0; at < 500; at++) {
    const odd = { ...transfer, family: `family ${at}` };
    tell({ kind: "ended", ending: "completed", transfer: odd });
  }
  const series = [...(await values())].filter(([name]) => name.includes("family="));
  assert.equal(series.length, 41);
  const [, other] = series.find(([name]) => name.includes('family="other"')) ?? [];
  assert.equal(other, 460);
});

test("bytes of running transfers count while they run", async () => {
  const { metrics, totals, tell, values } = scene();
  let running: TransferInfo[] = [transfer];
  const stats = { opening: 4, queued: 5, cacheBytes: 1, cacheHits: 2, cacheMisses: 3 };
  totals.watch(() => running);
  metrics.watch({ stats: () => stats });
  assert.equal(totals.now().get.bytes, 1024);
  tell({ kind: "ended", ending: "completed", transfer });
  running = [];
  assert.equal(totals.now().get.bytes, 1024);
  assert.equal((await values()).get("tidewire_requests_opening"), 4);
  assert.equal((await values()).get("tidewire_requests_queued"), 5);
  metrics.close();
});

test("what alerts ask for is there before it happens, so that the first one counts", async () => {
  const now = await scene().values();
  for (const code of ["NETWORK", "STORAGE", "INVALID_ARGUMENT"]) {
    assert.equal(now.get(`tidewire_problems_total{code="${code}"}`), 0);
  }
  assert.equal(now.get('tidewire_requests_ignored_total{reason="BUSY"}'), 0);
});

test("problems of hooks and configuration are counted like the server's own", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const file = join(await folder(t), "tidewire.toml");
  const config = `dir = ${JSON.stringify(root)}\non-download = "/nothing/here"\n`;
  await writeFile(file, config);
  const { url, child, printed } = await serving(t, ["--config", file, "--metrics", "0"]);
  const [, metrics = ""] = await printed(/Metrics on (\S+)/);
  const count = async (code: string): Promise<number | undefined> =>
    parse(await (await fetch(metrics)).text()).get(`tidewire_problems_total{code="${code}"}`);
  await get(`${url}/a`).bytes();
  await printed(/problem: the hook/);
  assert.equal(await count("STORAGE"), 1);
  await writeFile(file, `${config}nonsense = 1\n`);
  child.kill("SIGHUP");
  await printed(/problem: nothing is changed/);
  assert.equal(await count("INVALID_ARGUMENT"), 1);
});

test("the dashboard and the alerts name only metrics that exist", async () => {
  const { tell, values } = scene();
  const error = new TftpError("BUSY", "too many");
  const request = { op: "rrq", filename: "a", client } as const;
  tell({ kind: "ended", ending: "completed", transfer });
  tell({ kind: "refused", request, error });
  tell({ kind: "ignored", request, error });
  tell({ kind: "stray", from: client, reason: "odd" });
  tell({ kind: "problem", error });
  const known = new Set([...(await values()).keys()].map((name) => name.replace(/\{.*/s, "")));
  for (const file of ["packaging/grafana-dashboard.json", "packaging/alerts.yml"]) {
    const text = readFileSync(join(root, file), "utf8");
    const named = [...new Set(text.match(/\b(?:tidewire|process)_[a-z_]+/g))];
    assert.ok(named.length >= 5, `${file} names ${named.length} metrics`);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
      file,
    );
  }
  const dashboard = JSON.parse(
    readFileSync(join(root, "packaging/grafana-dashboard.json"), "utf8"),
  );
  assert.ok(dashboard.panels.every(({ targets }: { targets: unknown[] }) => targets.length > 0));
});

test("who embeds the server can subscribe to what happens", async (t) => {
  const heard: string[] = [];
  const listen = (message: unknown, name: string | symbol): void => {
    heard.push(`${String(name)} ${(message as { kind: string }).kind}`);
  };
  const names = ["tidewire:transfer.started", "tidewire:transfer.ended"];
  for (const name of names) subscribe(name, listen);
  t.after(() => {
    for (const name of names) unsubscribe(name, listen);
  });
  const server = await serve({ storage: memory({ a: new Uint8Array(9) }), host: "::1", port: 0 });
  await get(`tftp://[::1]:${server.address.port}/a`).bytes();
  await server.close({ graceMillis: 2000 });
  assert.deepEqual(heard, ["tidewire:transfer.started started", "tidewire:transfer.ended ended"]);
});

/** Fails for what is not the text format 0.0.4. */
function parse(text: string): Map<string, number> {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split("\n").filter(Boolean)) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment) {
      if (comment[1] === "TYPE") types.set(comment[2]!, comment[3]!);
      continue;
    }
    const sample = /^(([a-z_]+)(?:\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\})?) (\S+)$/.exec(line);
    assert.ok(sample, line);
    assert.ok(!values.has(sample[1]!), `twice: ${sample[1]}`);
    const family = sample[2]!.replace(/_(?:bucket|sum|count)$/, "");
    assert.ok(types.has(family) || types.has(sample[2]!), `no type: ${line}`);
    assert.ok(Number.isFinite(Number(sample[3])), line);
    values.set(sample[1]!, Number(sample[3]));
  }
  return values;
}
