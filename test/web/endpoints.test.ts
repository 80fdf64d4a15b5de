// What `serve --web` and `--metrics` answer over HTTP, to friends and to others, from outside.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { get } from "../../src/index.ts";
import type { HistoryEntry } from "../../src/observe/history.ts";
import { failsWith, folder, serving, tidewire } from "../cli/command.ts";
import { ack, Device, rrq } from "../server/device.ts";
import { foreignPaths, http, web } from "./page-server.ts";

test("the page and all that it loads come from here, under a strict policy", async (t) => {
  const { page } = await web(t);
  const { status, headers, body } = await http(page, "/");
  assert.equal(status, 200);
  assert.match(
    String(headers["content-security-policy"]),
    /^default-src 'none'; script-src 'self'/,
  );
  assert.doesNotMatch(String(headers["content-security-policy"]), /unsafe|\*|https?:/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  for (const [, path = ""] of body.matchAll(/(?:href|src)="(\/[^"#]+)"/g)) {
    assert.equal((await http(page, path)).status, 200, path);
  }
  assert.doesNotMatch(body, /https?:\/\/(?!www\.w3\.org)/);
  for (const path of ["/../package.json", "/page.ts", "/tsconfig.tsbuildinfo", "/api/nothing"]) {
    assert.equal((await http(page, path)).status, 404, path);
  }
});

test("what is not there is not found, and HEAD of what has no end ends", async (t) => {
  const { page } = await web(t);
  for (const path of foreignPaths) assert.equal((await http(page, path)).status, 404, path);
  for (let asked = 0; asked < 40; asked++) {
    const { status, headers } = await http(page, "/api/events", { method: "HEAD" });
    assert.deepEqual([status, headers["content-type"]], [200, "text/event-stream"]);
  }
  const events = await fetch(`${page}api/events`);
  assert.equal(events.status, 200, "nobody has taken its place");
  await events.body?.cancel();
});

test("what is no URL is a wrong request, and a query is no other path", async (t) => {
  const { page } = await web(t);
  for (const path of ["//[", "http://"]) assert.equal((await http(page, path)).status, 400, path);
  for (const path of ["/metrics?x=1", "/healthz?x", "/readyz?"]) {
    assert.equal((await http(page, path)).status, 200, path);
  }
});

test("another name than ours is refused, as DNS rebinding would use one", async (t) => {
  const { page } = await web(t, ["--web-name", "tftp.example"]);
  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil"]) {
    assert.equal((await http(page, "/api/state", { headers: { host } })).status, 421, host);
  }
  for (const host of [
    "localhost:8069",
    "localhost.",
    "[::1]:1",
    "192.0.2.1",
    hostname(),
    "tftp.example",
  ]) {
    assert.equal((await http(page, "/api/state", { headers: { host } })).status, 200, host);
  }
});

test("why a transfer failed, and what to do, is what its packets tell", async (t) => {
  const { page, root, url, printed } = await web(t, ["--retries", "0", "--timeout", "2"]);
  await writeFile(join(root, "long.txt"), Buffer.alloc(5000));
  const to = { host: "127.0.0.1", port: Number(new URL(url).port) };
  const [silent, small] = [await Device.open(t), await Device.open(t)];
  await silent.send(rrq("a.txt"), to);
  await printed(/a\.txt failed/);
  await small.send(rrq("long.txt", { blksize: 1400 }), to);
  const { from } = await small.expect("oack");
  await small.send(ack(0), from);
  await printed(/long\.txt failed/);
  const { history } = JSON.parse((await http(page, "/api/state")).body);
  const told = history.map(({ why, remedy }: HistoryEntry) => `${why} ${remedy}`);
  assert.match(told[1], /^No answer\. Nothing came back after our first packet: .*--single-port/);
  assert.match(told[0], /^The client stopped answering\. Blocks of 1400 bytes do not arrive/);
});

test("where a password is set nothing is told without it", async (t) => {
  const file = join(await folder(t), "password");
  await writeFile(file, "open: sesame\n");
  const { page } = await web(t, ["--web-password-file", file]);
  const paths = ["/", "/page.js", "/api/state", "/api/events", "/files/a.txt", "/metrics"];
  for (const path of paths) assert.equal((await http(page, path)).status, 401, path);
  const basic = (text: string) => ({
    headers: { authorization: `Basic ${Buffer.from(text).toString("base64")}` },
  });
  assert.equal((await http(page, "/api/state", basic("me:open"))).status, 401);
  assert.equal((await http(page, "/api/state", basic("me:open: sesame"))).status, 200);
  const bearer = { headers: { authorization: "Bearer sesame" } };
  assert.equal((await http(page, "/metrics", bearer)).status, 401);
  for (let at = 0; at < 40; at++) await http(page, "/api/state", basic(`me:${at}`));
  assert.equal((await http(page, "/api/state", basic("me:open: sesame"))).status, 429);
  assert.equal((await http(page, "/healthz")).status, 200, "health needs no password");
});

test("an address that others reach needs a password", async (t) => {
  const root = await folder(t);
  const args = ["serve", root, "--listen", "127.0.0.1:0", "--web", "0.0.0.0:0"];
  failsWith(await tidewire(args), 2, /the page would be open to everybody/);
  failsWith(
    await tidewire([...args, "--web-password-file", join(root, "none")]),
    2,
    /cannot be read \(ENOENT\)/,
  );
});

test("what is wrong with --web and --metrics is said", async (t) => {
  const { page } = await web(t);
  const { port } = new URL(page);
  const serve = ["serve", ".", "--listen", "127.0.0.1:0"];
  failsWith(await tidewire([...serve, "--web", `127.0.0.1:${port}`]), 1, /cannot listen/);
  failsWith(await tidewire([...serve, "--metrics", "somewhere:1"]), 2, /--metrics cannot be/);
});

test("files are listed and downloaded, and nothing hidden or outside", async (t) => {
  const { page } = await web(t);
  const { body } = await http(page, "/api/files?path=");
  const names = JSON.parse(body).entries.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ["boot", "a.txt"]);
  const file = await http(page, "/files/a.txt");
  assert.equal(file.body, "hello");
  assert.match(String(file.headers["content-disposition"]), /^attachment; filename="a.txt"/);
  for (const path of ["..", "../..", "out", "boot/../../etc", "%00", "a.txt"]) {
    assert.notEqual((await http(page, `/api/files?path=${path}`)).status, 200, path);
  }
  for (const path of ["/files/.secret", "/files/out/passwd", "/files/..%2f..%2fetc/passwd"]) {
    const { status } = await http(page, path);
    assert.ok(status === 404 || status === 403, `${path} ${status}`);
  }
  assert.equal((await http(page, "/files/%ff")).status, 400);
});

test("an upload needs --uploads, our own page and a free name", async (t) => {
  const own = { method: "PUT", headers: { "x-tidewire": "1" }, body: "new" };
  const off = await web(t);
  assert.equal((await http(off.page, "/files/b.txt", own)).status, 403);
  const { page, root } = await web(t, ["--uploads", "create", "--upload-bytes-max", "100"]);
  const unmarked = await http(page, "/files/b.txt", { ...own, headers: {} });
  assert.equal(unmarked.status, 403);
  assert.match(unmarked.body, /needs the header "X-Tidewire: 1"/);
  const foreign = { ...own.headers, origin: "https://evil.example" };
  assert.equal((await http(page, "/files/b.txt", { ...own, headers: foreign })).status, 403);
  assert.equal((await http(page, "/files/b.txt", own)).status, 201);
  assert.equal(await readFile(join(root, "b.txt"), "utf8"), "new");
  assert.equal((await http(page, "/files/b.txt", own)).status, 409);
  const large = { ...own, body: "x".repeat(101) };
  assert.equal((await http(page, "/files/c.txt", large)).status, 413);
  await assert.rejects(readFile(join(root, "c.txt")), { code: "ENOENT" });
});

test("what a changed configuration allows holds for the page at once", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, ".hidden"), "dots");
  const file = join(await folder(t), "tidewire.toml");
  const write = (text: string): Promise<void> =>
    writeFile(file, `dir = ${JSON.stringify(root)}\nweb = "127.0.0.1:0"\n${text}`);
  await write("");
  const { child, printed } = await serving(t, ["--config", file]);
  const [, page = ""] = await printed(/Watch it on (http:\S+)/);
  const own = { method: "PUT", headers: { "x-tidewire": "1" }, body: "new" };
  assert.equal((await http(page, "/files/b.txt", own)).status, 403);
  await write('uploads = "create"\ndot-files = true\nupload-bytes-max = 10\n');
  child.kill("SIGHUP");
  await printed(/what runs ends as it began/);
  assert.equal((await http(page, "/files/b.txt", own)).status, 201);
  const large = { ...own, body: "x".repeat(11) };
  assert.equal((await http(page, "/files/c.txt", large)).status, 413);
  assert.equal(JSON.parse((await http(page, "/api/state")).body).uploads, "create");
  assert.match((await http(page, "/api/files?path=")).body, /\.hidden/);
});

test("a transfer can be fetched as packets, pcapng and JSON", async (t) => {
  const { page, url, printed } = await web(t);
  await get(`${url}/a.txt`).bytes();
  await printed(/get a\.txt 5 bytes/);
  const { history } = JSON.parse((await http(page, "/api/state")).body);
  const [{ id, outcome, filename }] = history;
  assert.deepEqual([outcome, filename], ["completed", "a.txt"]);
  const at = `/api/transfers/${id}`;
  assert.equal((await http(page, `${at}/packets`)).status, 200);
  assert.match((await http(page, `${at}/capture.pcapng`)).body, /tidewire/);
  const timeline = JSON.parse((await http(page, `${at}/timeline.json`)).body);
  assert.equal(timeline.packets[0].filename, "a.txt");
  for (const kind of ["packets", "capture.pcapng", "timeline.json"]) {
    assert.equal((await http(page, `/api/transfers/99/${kind}`)).status, 404);
  }
});

test("/metrics, /healthz and /readyz answer on their own address, too", async (t) => {
  const root = await folder(t);
  const server = await serving(t, [root, "--metrics", "127.0.0.1:0"]);
  const [, base = ""] = await server.printed(/Metrics on (http:\S+)metrics/);
  await assert.rejects(get(`${server.url}/nope`).bytes());
  await server.printed(/refused/);
  const { body, headers } = await http(base, "/metrics");
  assert.match(String(headers["content-type"]), /^text\/plain; version=0\.0\.4/);
  assert.match(body, /^tidewire_requests_refused_total\{code="FILE_NOT_FOUND"\} 1$/m);
  assert.match(body, /^tidewire_sockets_open 1$/m);
  assert.equal((await http(base, "/readyz")).status, 200);
  assert.equal((await http(base, "/api/state")).status, 404, "no names here");
  server.child.kill("SIGTERM");
  assert.equal((await server.ended).status, 0);
});

test("while it drains it is alive and not ready", async (t) => {
  const { page, url, child, printed, root } = await web(t);
  await writeFile(join(root, "big"), new Uint8Array(3_000_000));
  const slow = get(`${url}/big`, { blksize: 512 })[Symbol.asyncIterator]();
  await slow.next();
  child.kill("SIGTERM");
  await printed(/Stopping: 1 transfer/);
  assert.equal((await http(page, "/readyz")).status, 503);
  assert.equal((await http(page, "/healthz")).status, 200);
  await slow.return?.();
});
