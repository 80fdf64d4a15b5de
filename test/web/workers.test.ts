// The page of several workers, which shows them as one server.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type ClientRequest, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { get } from "../../src/index.ts";
import type { Entry, Missing, State, Tick, Unanswered } from "../../src/web/messages.ts";
import { childrenOf } from "../cli/children.ts";
import { failsWith, folder, type Serving, serving, tidewire } from "../cli/command.ts";
import { times } from "../cli/printed.ts";
import { freePort } from "../net/free-port.ts";
import { Device, rrq } from "../server/device.ts";
import { foreignPaths, http } from "./page-server.ts";

const timeout = 60_000;
const linux = { timeout, skip: process.platform === "linux" ? false : "needs Linux" };

interface Crew extends Serving {
  readonly root: string;
  /** Of the page, ends with a slash. */
  readonly page: string;
  readonly ask: <T>(path: string) => Promise<T>;
}

async function crew(t: TestContext, args: readonly string[] = []): Promise<Crew> {
  const root = await folder(t);
  await writeFile(join(root, "a.txt"), "content");
  const port = await freePort();
  const all = ["--port", port, "--workers", "2", "--web", "127.0.0.1:0", "--log", "json", ...args];
  const server = await serving(t, [root, ...all]);
  const [, page = ""] = await server.printed(/Watch it on (http:\S+)/);
  await server.printed(/2 workers serve/);
  const ask = async <T>(path: string): Promise<T> => (await fetch(page + path)).json();
  return { ...server, root, page, ask };
}

/** By as many clients, so that some come to each worker. */
async function fetchMany(url: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => get(`${url}/a.txt`).text()));
}

/** When so many have completed. */
async function completed(ask: Crew["ask"], count: number): Promise<readonly Entry[]> {
  for (;;) {
    const { history } = await ask<State>("api/state");
    const entries = history.filter(({ outcome }) => outcome === "completed");
    if (entries.length >= count) return entries;
  }
}

const workerOf = ({ id }: { readonly id: string }): string => id.split(".")[0] as string;

test("history, packets and missing names are those of all workers", linux, async (t) => {
  const { url, page, ask } = await crew(t);
  await fetchMany(url, 30);
  for (let asked = 0; asked < 8; asked++) await assert.rejects(get(`${url}/b.txt`).text());
  const gets = await completed(ask, 30);
  assert.equal(new Set(gets.map(({ id }) => id)).size, 30);
  assert.deepEqual(new Set(gets.map(workerOf)), new Set(["1", "2"]));
  for (const worker of ["1", "2"]) {
    const entry = gets.find((each) => workerOf(each) === worker);
    const at = `api/transfers/${entry?.id}`;
    const timeline = await ask<{ clientPort: number }>(`${at}/timeline.json`);
    assert.equal(timeline.clientPort, entry?.clientPort);
    const capture = await fetch(`${page}${at}/capture.pcapng`);
    assert.match(capture.headers.get("content-disposition") ?? "", new RegExp(`_${entry?.id}_127`));
    assert.match(await capture.text(), /tidewire/);
    assert.ok((await (await fetch(`${page}${at}/packets`)).arrayBuffer()).byteLength > 100);
  }
  for (const id of ["1.999", "9.1", "x"]) {
    assert.equal((await fetch(`${page}api/transfers/${id}/packets`)).status, 404, id);
  }
  const missing = await ask<Missing[]>("api/missing");
  assert.deepEqual(
    missing.map(({ filename, count, near }) => ({ filename, count, near })),
    [{ filename: "b.txt", count: 8, near: ["a.txt"] }],
  );
});

test("requests without an answer are those of all workers", linux, async (t) => {
  const { url, ask, printed } = await crew(t, ["--rule", "ignore *.cfg"]);
  const to = { host: "127.0.0.1", port: Number(new URL(url).port) };
  for (let asked = 0; asked < 16; asked++) await (await Device.open(t)).send(rrq("x.cfg"), to);
  await printed(times(16, '"event":"ignored"'));
  assert.equal((await ask<State>("api/state")).unanswered, 16);
  const told = await ask<Unanswered[]>("api/unanswered");
  assert.deepEqual(
    told.map(({ filename, why, count }) => ({ filename, why, count })),
    [{ filename: "x.cfg", why: 'rule "ignore *.cfg"', count: 16 }],
  );
});

test("what is not there is not found, and HEAD of what has no end ends", linux, async (t) => {
  const { page } = await crew(t);
  for (const path of foreignPaths) assert.equal((await http(page, path)).status, 404, path);
  for (let asked = 0; asked < 40; asked++) {
    assert.equal((await http(page, "/api/events", { method: "HEAD" })).status, 200);
  }
  const ticks = ticksOf(page);
  assert.ok((await ticks.next()).value);
  await ticks.return(undefined);
});

test("files move through any worker, in the name of who asked", linux, async (t) => {
  const audit = join(await folder(t), "audit.jsonl");
  const { root, page } = await crew(t, ["--uploads", "create", "--audit", audit]);
  assert.equal(await (await fetch(`${page}files/a.txt`)).text(), "content");
  const body = "x".repeat(300_000);
  const headers = { "x-tidewire": "1", "x-client": "192.0.2.66 6" };
  const put = (): Promise<Response> =>
    fetch(`${page}files/up.txt`, { method: "PUT", headers, body });
  assert.equal((await put()).status, 201);
  assert.equal(await readFile(join(root, "up.txt"), "utf8"), body);
  assert.equal((await put()).status, 409);
  const { client, clientPort, bytes } = JSON.parse(
    (await readFile(audit, "utf8")).split("\n", 1)[0] as string,
  );
  assert.deepEqual({ client, bytes }, { client: "127.0.0.1", bytes: body.length });
  assert.ok(clientPort > 1023);
  const foreign = await fetch(`${page}files/c.txt`, { method: "PUT", body });
  assert.equal(foreign.status, 403, "the guard stands before the workers");
});

test("an upload that is cut is not stored", linux, async (t) => {
  const audit = join(await folder(t), "audit.jsonl");
  const { root, page } = await crew(t, ["--uploads", "create", "--audit", audit]);
  const { hostname: host, port } = new URL(page);
  const headers = { "x-tidewire": "1" };
  const upload = request({ host, port, path: "/files/cut.txt", method: "PUT", headers });
  upload.on("error", () => {});
  upload.write("x".repeat(100_000), () => upload.destroy());
  let line = "";
  while (!line.includes("cut.txt")) line = await readFile(audit, "utf8");
  assert.match(line, /"outcome":"failed","error":"ABORTED"/);
  assert.deepEqual(await readdir(root), ["a.txt"]);
});

/** Of which a worker has the beginning. */
async function uploading(root: string, page: string): Promise<ClientRequest> {
  const { hostname: host, port } = new URL(page);
  const headers = { "x-tidewire": "1" };
  const upload = request({ host, port, path: "/files/up.txt", method: "PUT", headers });
  upload.write("x".repeat(100_000));
  while (!(await readdir(root)).some((name) => name.endsWith(".part")));
  return upload;
}

test("an upload that runs is cut when the server ends, and told", linux, async (t) => {
  const audit = join(await folder(t), "audit.jsonl");
  const { root, page, child, ended } = await crew(t, ["--uploads", "create", "--audit", audit]);
  const upload = await uploading(root, page);
  const [answered] = [once(upload, "response").catch(() => {}), child.kill("SIGTERM")];
  assert.deepEqual(await ended, { status: 0, signal: null });
  await answered;
  assert.deepEqual(await readdir(root), ["a.txt"]);
  assert.match(await readFile(audit, "utf8"), /"file":"up.txt".*"outcome":"failed"/);
});

test("an upload that runs comes to its end when its worker is replaced", linux, async (t) => {
  const { root, page, child, printed, ended } = await crew(t, ["--uploads", "create"]);
  const first = await uploading(root, page);
  const replaced = /worker 1 is replaced by 3; [\s\S]*worker 2 is replaced by 4; /;
  child.kill("SIGUSR2");
  await printed(replaced);
  const answered = once(first, "response");
  first.end("y");
  assert.equal((await answered)[0].statusCode, 201);
  assert.equal((await readFile(join(root, "up.txt"))).length, 100_001);
  await rm(join(root, "up.txt"));
  const second = await uploading(root, page);
  second.on("error", () => {});
  child.kill("SIGUSR2");
  await printed(/worker 4 is replaced by 6; /);
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
  assert.deepEqual(await readdir(root), ["a.txt"], "the end is the end for those that leave, too");
});

test("a worker that hangs is left out", linux, async (t) => {
  const { url, page, ask, child } = await crew(t);
  await fetchMany(url, 30);
  const before = await completed(ask, 30);
  const [hung = 0] = childrenOf(child.pid);
  const counted = async (): Promise<number> => {
    const answer = await fetch(`${page}metrics`);
    assert.equal(answer.status, 200);
    const lines = /^tidewire_transfers_total\{.*"completed".*\} (\d+)$/gm;
    return [...(await answer.text()).matchAll(lines)].reduce((sum, [, n]) => sum + Number(n), 0);
  };
  assert.equal(await counted(), 30);
  process.kill(hung, "SIGSTOP");
  const left = Promise.all([ask<State>("api/state"), counted()]);
  const [{ history }, rest] = await left.finally(() => process.kill(hung, "SIGCONT"));
  assert.ok(rest > 0 && rest < 30, "the others' counts are told");
  assert.equal(new Set(before.map(workerOf)).size, 2);
  assert.equal(new Set(history.map(workerOf)).size, 1);
});

test("what happens in any worker is told while it happens", linux, async (t) => {
  const { url, page, root } = await crew(t);
  await writeFile(join(root, "big"), new Uint8Array(3_000_000));
  const slow = Array.from({ length: 12 }, () => {
    return get(`${url}/big`, { blksize: 512 })[Symbol.asyncIterator]();
  });
  await Promise.all(slow.map((each) => each.next()));
  const ticks = ticksOf(page);
  const told = await first(ticks, ({ transfers }) => transfers.length === 12);
  assert.deepEqual(new Set(told.transfers.map(workerOf)), new Set(["1", "2"]));
  const [{ id } = { id: "" }] = told.transfers;
  const timeline = await fetch(`${page}api/transfers/${id}/timeline.json`);
  assert.equal(((await timeline.json()) as { outcome: string }).outcome, "running");
  await Promise.all(slow.map((each) => each.return?.()));
  const { ended } = await first(ticks, (tick) => tick.ended.length > 0);
  assert.ok(ended.every(({ filename, outcome }) => filename === "big" && outcome === "aborted"));
  await ticks.return(undefined);
});

test("where not all of it can be opened, nothing is, and no worker starts", linux, async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const pages = ["--web", "127.0.0.1:0", "--metrics", `127.0.0.1:${port}`];
  const args = ["serve", tmpdir(), "--port", await freePort(), "--workers", "2", "--allow-root"];
  failsWith(await tidewire([...args, ...pages]), 1, /HTTP cannot listen on .*EADDRINUSE/);
});

test("the page stays when workers end, with what the others know", linux, async (t) => {
  const { url, ask, printed, child, ended } = await crew(t);
  await fetchMany(url, 30);
  await completed(ask, 30);
  child.kill("SIGUSR2");
  await printed(/worker 1 is replaced by 3; [\s\S]*worker 2 is replaced by 4; /);
  while ((await ask<State>("api/state")).history.length > 0); // until they have ended
  await fetchMany(url, 30);
  assert.deepEqual(new Set((await completed(ask, 30)).map(workerOf)), new Set(["3", "4"]));
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { status: 0, signal: null });
});

/** The messages of the page's events. */
async function* ticksOf(page: string): AsyncGenerator<Tick, undefined> {
  const { body } = await fetch(`${page}api/events`);
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of body ?? []) {
    const parts = (text + decoder.decode(piece, { stream: true })).split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts.filter((each) => each.startsWith("data: "))) {
      yield JSON.parse(part.slice("data: ".length));
    }
  }
  return undefined;
}

async function first(ticks: AsyncGenerator<Tick>, holds: (tick: Tick) => boolean): Promise<Tick> {
  for (;;) {
    const { value, done } = await ticks.next();
    if (done) throw new Error("the page's events ended");
    if (holds(value)) return value;
  }
}
