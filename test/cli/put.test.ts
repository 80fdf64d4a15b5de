// `tidewire put` as a process: where the bytes come from, and under which name they arrive.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { memory } from "../../src/index.ts";
import { failsWith, folder, libraryServer, serving, tidewire } from "./command.ts";

const big = randomBytes(300_001);

test("a file arrives whole in the folder of a server", async (t) => {
  const root = await folder(t);
  const { url } = await serving(t, [root, "--uploads", "create"]);
  const cwd = await folder(t);
  await writeFile(join(cwd, "image.bin"), big);
  const { status, stdout, stderr } = await tidewire(["put", "image.bin", `${url}/new.bin`], {
    cwd,
  });
  assert.deepEqual([status, stdout.length, stderr], [0, 0, ""]);
  assert.deepEqual(readFileSync(join(root, "new.bin")), big);
  const again = await tidewire(["put", "image.bin", `${url}/new.bin`], { cwd });
  failsWith(
    again,
    1,
    /answered "file already exists" \(ERROR 6\) for new\.bin\.\nHint: The server do/,
  );
});

test("a URL that ends with a slash takes the names of the files", async (t) => {
  const storage = memory({}, { uploads: "create" });
  const { url } = await libraryServer(t, storage);
  const cwd = await folder(t);
  await mkdir(join(cwd, "sub"));
  await writeFile(join(cwd, "sub", "a b#1"), "one");
  await writeFile(join(cwd, "c"), "two\n");
  const args = ["put", "sub/a b#1", "nope", "c", `${url}/in/;mode=netascii`];
  const result = await tidewire(args, { cwd });
  failsWith(result, 1, /nope does not exist/);
  assert.deepEqual([...storage.files.keys()].sort(), ["in/a b#1", "in/c"]);
  assert.equal(String(Buffer.from(storage.files.get("in/c")!)), "two\n");
});

test("- sends standard input, whose size is not announced", async (t) => {
  const storage = memory({}, { uploads: "create" });
  const { url } = await libraryServer(t, storage);
  const { status, stdout } = await tidewire(["put", "-", `${url}/x`, "--json"], { input: big });
  assert.equal(status, 0);
  assert.deepEqual(Buffer.from(storage.files.get("x")!), big);
  const { op, file, path, bytes, size, outcome } = JSON.parse(stdout.toString());
  const expected = ["put", "x", "-", big.length, null, "completed"];
  assert.deepEqual([op, file, path, bytes, size, outcome], expected);
});

test("an empty file arrives as an empty file", async (t) => {
  const storage = memory({}, { uploads: "create" });
  const { url } = await libraryServer(t, storage);
  assert.equal((await tidewire(["put", "/dev/null", `${url}/empty`])).status, 0);
  assert.deepEqual(
    [...storage.files].map(([name, { length }]) => [name, length]),
    [["empty", 0]],
  );
});

test("the size of a file is announced", async (t) => {
  const { url, event } = await libraryServer(t, memory({}, { uploads: "create" }));
  const cwd = await folder(t);
  await writeFile(join(cwd, "x"), big);
  await tidewire(["put", "x", `${url}/x`], { cwd });
  assert.equal((await event("started")).transfer.size, big.length);
});

test("a put to a server that takes no uploads fails with a hint", async (t) => {
  const { url } = await libraryServer(t, memory());
  const result = await tidewire(["put", "-", `${url}/x`], { input: "text" });
  failsWith(result, 1, /\(ERROR 2\) for x\.\nHint: .*many servers take no uploads/);
});

test("a refused put ends although standard input is still open", async (t) => {
  const { url } = await libraryServer(t, memory());
  const result = await tidewire(["put", "-", `${url}/x`], {
    inputStaysOpen: true,
  });
  assert.equal(result.status, 1);
});

test("a put that is refused half way ends although standard input is still open", async (t) => {
  const root = await folder(t);
  const { url } = await serving(t, [root, "--uploads", "create", "--upload-bytes-max", "1K"]);
  const result = await tidewire(["put", "-", `${url}/x`], { input: big, inputStaysOpen: true });
  failsWith(result, 1, /answered "more than 1024 bytes" \(ERROR 3\) for x\.\nHint: Make room/);
});

test("Ctrl+C ends a put although standard input is still open", async (t) => {
  const storage = memory({}, { uploads: "create" });
  const { url, event } = await libraryServer(t, storage);
  const result = await tidewire(["put", "-", `${url}/x`], {
    input: "the beginning",
    inputStaysOpen: true,
    onStart: (child) => void event("started").then(() => child.kill("SIGINT")),
  });
  assert.match(
    result.stderr,
    /^tidewire: interrupted; it is not whole\.\nHint: Run the command again/,
  );
  assert.equal(result.status, 130);
  assert.deepEqual([...storage.files.keys()], []);
});

test("a text that is still being read when its time is over is told as such", async () => {
  const url = "tftp://127.0.0.1:9/x;mode=netascii";
  const args = ["put", "--max-time", "1", "-", url];
  const result = await tidewire(args, { input: "the beginning", inputStaysOpen: true });
  failsWith(result, 1, /^tidewire: not done after 1 s; it is not whole\.\nHint: Allow more/);
});

test("a put of nothing, a folder or an unreadable file fails with a hint", async (t) => {
  const cwd = await folder(t);
  const url = "tftp://127.0.0.1:9/x";
  const missing = await tidewire(["put", "nope", url], { cwd });
  failsWith(missing, 1, /^tidewire: nope does not exist\.\nHint: Check the name/);
  const isFolder = await tidewire(["put", cwd, url], { cwd });
  failsWith(isFolder, 1, /is a folder\.\nHint: TFTP moves single files/);
  await writeFile(join(cwd, "secret"), "", { mode: 0 });
  if (process.getuid?.() === 0) return; // root reads everything
  const denied = await tidewire(["put", "secret", url], { cwd });
  failsWith(denied, 1, /no permission to read secret/);
});
