// What holds for files that move by TFTP holds for those that move through the page.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { watch } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { put } from "../../src/index.ts";
import { folder, serving } from "../cli/command.ts";
import { http, ownPut, web } from "./page-server.ts";

test("rules and names of uploads hold for the page", async (t) => {
  const { page, root } = await web(t, [
    ...["--rule", "refuse read *.key", "--rule", "ignore write 127.0.0.1 no.cfg"],
    ...["--uploads", "create", "--upload-names", "*.cfg"],
  ]);
  await writeFile(join(root, "secret.key"), "secret");
  const refused = await http(page, "/files/secret.key");
  assert.deepEqual([refused.status, refused.body], [403, "access denied\n"]);
  assert.equal((await http(page, "/files/boot/..%2fsecret.key")).status, 403);
  assert.equal((await http(page, "/files/a.txt")).status, 200);
  assert.equal((await http(page, "/files/evil.bin", ownPut("x"))).status, 403);
  assert.equal((await http(page, "/files/no.cfg", ownPut("x"))).status, 403);
  assert.equal((await http(page, "/files/good.cfg", ownPut("x"))).status, 201);
  assert.ok(!(await readdir(root)).includes("evil.bin"));
});

test("changed rules hold for the page at once", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a.key"), "key");
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, 'web = "127.0.0.1:0"\n');
  const { child, printed } = await serving(t, [root, "--config", file]);
  const [, page = ""] = await printed(/Watch it on (http:\S+)/);
  assert.equal((await http(page, "/files/a.key")).status, 200);
  await writeFile(file, 'web = "127.0.0.1:0"\nrule = ["refuse read *.key"]\n');
  child.kill("SIGHUP");
  await printed(/what runs ends as it began/);
  assert.equal((await http(page, "/files/a.key")).status, 403);
});

test("uploads by TFTP and through the page share one quota", async (t) => {
  const quota = ["--uploads", "create", "--upload-total-bytes-max", "4K"];
  const { page, url, root } = await web(t, quota);
  assert.equal((await http(page, "/files/large", ownPut("x".repeat(5000)))).status, 413);
  assert.equal((await http(page, "/files/one", ownPut("x".repeat(3000)))).status, 201);
  await assert.rejects(put(`${url}/two`, new Uint8Array(2000)), /no room for more uploads/);
  await put(`${url}/three`, new Uint8Array(900));
  assert.equal((await http(page, "/files/four", ownPut("x".repeat(500)))).status, 413);
  const stored = (await readdir(root)).filter((name) => !/^\.secret$|^boot$|^out$/.test(name));
  assert.deepEqual(stored.sort(), ["a.txt", "one", "three"]);
});

test("an upload through the page is a line of the log, whatever became of it", async (t) => {
  const sha256 = createHash("sha256").update("content").digest("hex");
  const pretty = await web(t, ["--uploads", "create"]);
  assert.equal((await http(pretty.page, "/files/n%1bw.cfg", ownPut("content"))).status, 404);
  assert.equal((await http(pretty.page, "/files/new.cfg", ownPut("content"))).status, 201);
  assert.equal((await http(pretty.page, "/files/new.cfg", ownPut("content"))).status, 409);
  const line = (rest: string): RegExp => new RegExp(` 127\\.0\\.0\\.1 \\(page\\) put ${rest}`);
  await pretty.printed(line('"n\\\\x1bw\\.cfg" failed after 0 bytes: file not found'));
  await pretty.printed(line(`new\\.cfg 7 bytes in .*, sha256 ${sha256}\\)`));
  await pretty.printed(line("new\\.cfg failed after 0 bytes: file already exists"));
  const json = await web(t, ["--uploads", "create", "--log", "json"]);
  for (const status of [201, 409]) {
    assert.equal((await http(json.page, "/files/new.cfg", ownPut("content"))).status, status);
  }
  await json.printed(/FILE_EXISTS/);
  const lines = json
    .output()
    .split("\n")
    .filter((line) => line.includes('"event":"upload"'));
  const told = lines.map((line) => JSON.parse(line));
  const fields = ["level", "via", "client", "op", "file", "bytes", "sha256", "outcome"];
  assert.deepEqual(
    told.map((line) => [...fields.map((name) => line[name]), line.error?.code]),
    [
      ["info", "page", "127.0.0.1", "put", "new.cfg", 7, sha256, "completed", undefined],
      ["warn", "page", "127.0.0.1", "put", "new.cfg", 0, null, "failed", "FILE_EXISTS"],
    ],
  );
});

test("an upload whose client vanishes is told as cut, and leaves nothing", async (t) => {
  const { page, root, printed } = await web(t, ["--uploads", "create", "--log", "json"]);
  const before = await readdir(root);
  const { hostname: host, port } = new URL(page);
  const headers = { "x-tidewire": "1" };
  const upload = request({ host, port, path: "/files/cut", method: "PUT", headers });
  upload.on("error", () => {});
  upload.write("x".repeat(100_000), () => upload.destroy());
  await printed(/"file":"cut".*"outcome":"failed","error":\{"code":"ABORTED"/);
  assert.deepEqual(await readdir(root), before);
});

test("an upload through the page runs the hook", async (t) => {
  const hooks = await folder(t);
  const [seen, program] = [join(hooks, "seen"), join(hooks, "hook.sh")];
  const script = `#!/bin/sh\nenv | grep ^TIDEWIRE_ > ${seen}.new\nmv ${seen}.new ${seen}\n`;
  await writeFile(program, script, { mode: 0o755 });
  const { page } = await web(t, ["--uploads", "create", "--on-upload", program]);
  const facts = new Promise<string>((resolve) => {
    const watcher = watch(hooks, () => void readFile(seen, "utf8").then(resolve, () => {}));
    t.after(() => watcher.close());
  });
  assert.equal((await http(page, "/files/a.txt", ownPut("taken"))).status, 409);
  assert.equal((await http(page, "/files/new.cfg", ownPut("content"))).status, 201);
  const told = (await facts).trimEnd().split("\n");
  const expected = ["FILE=new.cfg", "OP=put", "CLIENT=127.0.0.1", "BYTES=7", "ID=", "FAMILY="];
  for (const fact of [...expected, "OUTCOME=completed"]) {
    assert.ok(told.includes(`TIDEWIRE_${fact}`), `${fact} in ${told}`);
  }
  assert.match(told.join("\n"), /^TIDEWIRE_SHA256=[0-9a-f]{64}$/m);
});

test("an upload that fails half way is answered with the reason", async (t) => {
  const { page, root } = await web(t, ["--uploads", "create", "--upload-bytes-max", "100k"]);
  const before = await readdir(root);
  const { hostname: host, port } = new URL(page);
  const headers = { "x-tidewire": "1" };
  const upload = request({ host, port, path: "/files/large", method: "PUT", headers });
  const answered = Promise.all([once(upload, "response"), once(upload, "finish")]);
  // Its size is not told, and it is far more than a socket holds.
  for (let count = 0; count < 200; count++) upload.write(Buffer.alloc(65_536));
  upload.end();
  const [[answer]] = await answered;
  assert.equal(answer.statusCode, 413);
  await once(answer.resume(), "close");
  assert.deepEqual(await readdir(root), before);
});
