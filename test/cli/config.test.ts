// The configuration file: what it may say, what is wrong with it, and a change while it is in use.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseConfig } from "../../src/cli/config-file.ts";
import { exchangeable, reloadOnChange } from "../../src/cli/reloading.ts";
import { effectOf, settingsFor } from "../../src/cli/settings.ts";
import { get, memory, put, serve } from "../../src/index.ts";
import { freePort } from "../net/free-port.ts";
import { folder, serving, tidewire } from "./command.ts";
import { times } from "./printed.ts";

test("a setting is the option of the same name, with the same checks", () => {
  const text = `
    dir = "/srv"
    listen = ["192.0.2.1", "[::1]:69"]
    port = 6969
    dot-files = true
    single-port = false
    timeout = 0.5
    upload-bytes-max = "1K"
    rule = ["refuse write *.cfg"]
    on-upload = ["keep", ""]
    web = true
    capture = ["all", "captures"]`;
  assert.deepEqual(parseConfig(text, "c.toml"), {
    dir: "/srv",
    mounts: [],
    flags: {
      listen: ["192.0.2.1", "[::1]:69"],
      port: 6969,
      dotFiles: true,
      timeout: 0.5,
      uploadBytesMax: 1024,
      rule: [{ verdict: "refuse", op: "write", names: "*.cfg" }],
      onUpload: ["keep", ""],
      web: true,
      capture: ["all", "captures"],
    },
  });
});

const wrongFiles: readonly (readonly [text: string, says: RegExp, hint: RegExp])[] = [
  ["port =", /^c\.toml line 1: /, /TOML/],
  ["\nport = 99999", /^c\.toml line 2: port cannot be "99999"$/, /from 0 to 65535/],
  ["\n\nblksize_max = 512", /line 3: there is no setting "blksize_max"$/, /blksize-max\?/],
  ['config = "d.toml"', /no setting "config"/, /\S/],
  ["dot-files = 1", /dot-files is true or false/, /dot-files = true/],
  ["port = [1, 2]", /port takes one value/, /\S/],
  ["listen = true", /listen cannot have this value/, /--listen <ADDR/],
  ["user = false", /user cannot have this value/, /--user <NAME/],
  ["port = true", /port cannot have this value/, /--port <N>/],
  ['listen = ["localhost"]', /line 1: listen cannot be "localhost"/, /IP address/],
  ['rule = ["deny x"]', /line 1: "deny x" is no rule/, /begins with allow/],
  ["dir = 5", /dir is not text/, /double quotes/],
  ['[[mount]]\nat = "boot"', /line 1: a mount has no dir/, /Add dir/],
  ['[[mount]]\ndir = "a"\n[[mount]]\ndir = "b"\nmac = "x"', /line 5: .* no "mac"/, /clients/],
  ['Dir = "a"', /no setting "Dir"/, /mean dir\?/],
  [
    '[[mount]]\nat = "a/b"\ndir = "c"\n[[mount]]\nat = "/a/b/"\ndir = "d"',
    /line 4: an earlier mount has the same names$/,
    /one of them/,
  ],
  ['[[mount]]\ndir = "a"\nclients = "10.0.0.0/33"', /no address or network/, /192\.0\.2\.0/],
  ['[[mount]]\ndir = "a"\nuploads = "yes"', /line 3: uploads cannot be "yes"/, /create/],
  ['user = "nobody"\nallow-root = true', /line 1: allow-root and user exclude/, /Leave one/],
  ['single-port = true\ntid-ports = "1-2"', /line 2: single-port and tid-ports exclude/, /one/],
  ['on-upload = ""', /line 1: on-upload cannot be ""/, /Name a program/],
  ['on-download = ["", "x"]', /line 1: on-download cannot be ""/, /Name a program/],
  ['port = 5\naudit = "a\\u0000"', /line 2: audit cannot hold a NUL/, /out of it/],
  ['on-upload = ["keep", "\\u0000"]', /line 1: on-upload cannot hold a NUL/, /out of it/],
  ["[mount]\nx = 1", /line 1: mount is not a table/, /\[\[mount\]\]/],
];

for (const [text, says, hint] of wrongFiles) {
  test(`a wrong file: ${text.trim().replaceAll("\n", " ")}`, () => {
    assert.throws(() => parseConfig(text, "c.toml"), { message: says, hint });
  });
}

test("mounts are one name space, and a client may have a root of its own", async (t) => {
  const { file, dirs } = await configured(t);
  await writeFile(join(dirs.mine, "only"), "mine");
  await appendMounts(file, dirs);
  const { url } = await serving(t, ["--config", file]);
  assert.equal(await get(`${url}/boot/kernel`).text(), "boot");
  assert.equal(await get(`${url}/only`).text(), "mine");
  await assert.rejects(get(`${url}/a.txt`).bytes(), { code: "FILE_NOT_FOUND" });
});

test("uploads that mounts alone take can be limited, and the start tells of them", async (t) => {
  const limits = 'upload-names = "*.cfg"\nupload-total-bytes-max = 5\n';
  const { file, dirs } = await configured(t, limits);
  await appendMounts(file, dirs);
  const { url, output } = await serving(t, ["--config", file]);
  assert.match(output(), /own, read-only but for mounts that take uploads\.\n/);
  await put(`${url}/a.cfg`, new Uint8Array(5));
  await assert.rejects(put(`${url}/b.txt`, new Uint8Array()), { code: "ACCESS_VIOLATION" });
  await assert.rejects(put(`${url}/c.cfg`, new Uint8Array(1)), { code: "DISK_FULL" });
});

test("the command line wins over the file", async (t) => {
  const { file } = await configured(t, "blksize-max = 700\nwindowsize-max = 2\n");
  const { url, printed } = await serving(t, ["--config", file, "--blksize-max", "600"]);
  await get(`${url}/a.txt`).bytes();
  await printed(/blksize 600, windowsize 2,/);
});

for (const [typed, inFile] of [
  [{ tidPorts: { first: 1, last: 2 } }, "single-port = true"],
  [{ singlePort: true }, 'tid-ports = "1-2"'],
  [{ user: "nobody" }, "allow-root = true"],
  [{ allowRoot: true }, 'user = "nobody"'],
] as const) {
  test(`the command line wins with ${Object.keys(typed)} over ${inFile}`, async (t) => {
    const { file } = await configured(t, `${inFile}\n`);
    const { flags } = await settingsFor(undefined, { config: file, ...typed });
    assert.deepEqual(flags, { config: file, ...typed });
  });
}

test("SIGHUP takes the changed file; a broken one changes nothing", async (t) => {
  const { file, dirs } = await configured(t);
  const { url, child, printed } = await serving(t, ["--config", file]);
  assert.equal(await get(`${url}/a.txt`).text(), "hello");
  await replace(file, 'rule = ["maybe *"]\n');
  child.kill("SIGHUP");
  await printed(/problem: nothing is changed, .*line 1: "maybe \*" is no rule/);
  assert.equal(await get(`${url}/a.txt`).text(), "hello");
  const next = `dir = ${JSON.stringify(dirs.boot)}\nrule = ["refuse *.cfg"]\nqueue-max = 3\n`;
  await replace(file, `${next}blksize-max = 513\n`);
  child.kill("SIGHUP");
  await printed(/Read \S+ again; .* Needs a restart to change: queue-max\.\n/);
  assert.equal(await get(`${url}/kernel`).text(), "boot");
  await assert.rejects(get(`${url}/a.cfg`).bytes(), { code: "ACCESS_VIOLATION" });
  await printed(/blksize 513,/);
});

test("a reload that fails is told also where nothing is logged", async (t) => {
  const { file } = await configured(t);
  const { child, printed } = await serving(t, ["--config", file, "--log", "off"]);
  await replace(file, 'rule = ["maybe *"]\n');
  child.kill("SIGHUP");
  await printed(/tidewire: nothing is changed, .*line 1: "maybe \*" is no rule\.\nHint: /);
});

test("a pipe in the place of the file is not waited for", async (t) => {
  if (process.platform === "win32") return t.skip("no pipes with a name");
  const { file } = await configured(t);
  const { url, child, printed } = await serving(t, ["--config", file]);
  const text = await readFile(file, "utf8");
  await unlink(file);
  execFileSync("mkfifo", [file]);
  child.kill("SIGHUP");
  await printed(/problem: nothing is changed, \S+ is not a regular file/);
  assert.equal(await get(`${url}/a.txt`).text(), "hello");
  await replace(file, text);
  child.kill("SIGHUP");
  await printed(/Read \S+ again/);
});

test("a pipe, which gives its text once, configures no workers", async (t) => {
  if (process.platform === "win32") return t.skip("no pipes with a name");
  const pipe = join(await folder(t), "pipe");
  execFileSync("mkfifo", [pipe]);
  const args = ["serve", "--config", pipe, "--listen", "127.0.0.1", "--port", await freePort()];
  const ended = tidewire([...args, "--workers", "2"]);
  await writeFile(pipe, "verbose = true\n");
  const { status, stderr } = await ended;
  assert.match(stderr, /^tidewire: \S+ is not a regular file\.\nHint: .* read again\.$/m);
  assert.equal(status, 1);
});

test("what needs a restart is named until the file says what runs", async (t) => {
  const { file, dirs } = await configured(t);
  const { child, printed, output } = await serving(t, ["--config", file]);
  const changes = ["queue-max = 5\n", "queue-max = 5\nretries = 4\n", "retries = 4\n"];
  for (const [at, text] of changes.entries()) {
    await replace(file, `dir = ${JSON.stringify(dirs.own)}\n${text}`);
    child.kill("SIGHUP");
    await printed(times(at + 1, "Read \\S+ again.*\n"));
  }
  assert.deepEqual(
    [...output().matchAll(/Read \S+ again; what runs ends as it began\.(.*)/g)].map(
      ([, rest]) => rest,
    ),
    [" Needs a restart to change: queue-max.", " Needs a restart to change: queue-max.", ""],
  );
});

test("a transfer that runs ends by the rules and limits that it began with", async (t) => {
  const { file, dirs } = await configured(t, "bytes-per-second = 100000\n");
  await writeFile(join(dirs.own, "large"), new Uint8Array(100_000));
  const { url, child, printed } = await serving(t, ["--config", file, "--verbose"]);
  const running = get(`${url}/large`, { blksize: 1024, windowsize: 1 }).bytes();
  await printed(/large started/);
  await replace(file, `dir = ${JSON.stringify(dirs.boot)}\nrule = ["refuse *"]\n`);
  child.kill("SIGHUP");
  await printed(/Read \S+ again/);
  child.kill("SIGUSR1");
  await printed(/Running 1: 127\.0\.0\.1 port \d+ get large, .* of 100 kB in .*, 0 resent\./);
  assert.equal((await running).length, 100_000);
  child.kill("SIGUSR1");
  await printed(/No transfer runs\./);
});

test("--watch-config takes the changed file without a signal", async (t) => {
  const { file, dirs } = await configured(t);
  const { url, printed } = await serving(t, ["--config", file, "--watch-config"]);
  await replace(file, `dir = ${JSON.stringify(dirs.boot)}\n`);
  await printed(/Read \S+ again/);
  assert.equal(await get(`${url}/kernel`).text(), "boot");
});

test("a change between the first look at the file and its watch is not missed", async (t) => {
  const { file, dirs } = await configured(t);
  const typed = { dir: undefined, flags: { config: file, watchConfig: true } };
  const settings = await settingsFor(typed.dir, typed.flags);
  await replace(file, `dir = ${JSON.stringify(dirs.boot)}\n`);
  await using server = await serve({ storage: memory(), host: "127.0.0.1", port: 0 });
  const parts = exchangeable(await effectOf(settings));
  const told = await new Promise<string>((resolve, reject) => {
    const nothing = (): void => {};
    const events = { onProblem: reject, onReloaded: resolve, onBegin: nothing, onEnd: nothing };
    t.after(reloadOnChange({ server, parts, settings, typed, ...events }));
    // The watch alone keeps no process.
    const patience = setTimeout(() => reject(new Error("it was missed")), 20_000);
    t.after(() => clearTimeout(patience));
  });
  assert.match(told, /^Read \S+ again/);
});

test("the file itself may ask to be watched", async (t) => {
  const { file, dirs } = await configured(t, "watch-config = true\n");
  const { url, printed } = await serving(t, ["--config", file]);
  await replace(file, `watch-config = true\ndir = ${JSON.stringify(dirs.boot)}\n`);
  await printed(/Read \S+ again/);
  assert.equal(await get(`${url}/kernel`).text(), "boot");
});

test("check tells whether a file is right, and what a client would get", async (t) => {
  const { file, dirs } = await configured(t, 'rule = ["refuse read 10.0.0.0/8 *.cfg"]\n');
  await appendMounts(file, dirs);
  const ask = async (...args: string[]): Promise<string> => {
    const { stdout, stderr, status } = await tidewire(["check", file, ...args]);
    assert.deepEqual([status, stderr], [0, ""]);
    return stdout.toString();
  };
  assert.match(await ask(), /is right\.\nNames below boot are in .*boot, uploads off\.\n/);
  const from = (name: string): string[] => ["--client", "10.0.0.7", "--name", name];
  assert.match(await ask(...from("boot/kernel")), /It gets \S+\/boot\/kernel, 4 bytes\.\nNo rule/);
  assert.match(await ask(...from("boot/KERNEL")), /not found\.\nThere is "kernel": only the case/);
  assert.match(
    await ask(...from("x.cfg")),
    /refused: access denied\.\nRule 1 decides: refuse read/,
  );
  assert.match(await ask(...from("up"), "--write"), /It is refused: uploads are not allowed/);
  const mine = ["--client", "127.0.0.1", "--name", "up", "--write"];
  assert.match(await ask(...mine), /It may upload \S+\/mine\/up\.\n.*mounted at \/ for 127/s);
});

test("check of a broken file ends with status 1", async (t) => {
  const { file } = await configured(t, "port = -1\n");
  const { status, stderr } = await tidewire(["check", file]);
  assert.match(stderr, /^tidewire: \S+ line 1: port cannot be "-1"\.\nHint: /);
  assert.equal(status, 1);
});

interface Configured {
  readonly file: string;
  readonly dirs: { readonly own: string; readonly boot: string; readonly mine: string };
}

async function configured(t: TestContext, settings = ""): Promise<Configured> {
  const root = await folder(t);
  const dirs = { own: join(root, "own"), boot: join(root, "boot"), mine: join(root, "mine") };
  for (const dir of Object.values(dirs)) await mkdir(dir);
  await writeFile(join(dirs.own, "a.txt"), "hello");
  await writeFile(join(dirs.boot, "kernel"), "boot");
  const file = join(root, "tidewire.toml");
  await writeFile(file, `${settings}dir = ${JSON.stringify(dirs.own)}\n`);
  return { file, dirs };
}

async function appendMounts(file: string, { boot, mine }: Configured["dirs"]): Promise<void> {
  const mounts = [
    `[[mount]]\nat = "boot"\ndir = ${JSON.stringify(boot)}`,
    `[[mount]]\nclients = "127.0.0.0/8"\nuploads = "create"\ndir = ${JSON.stringify(mine)}`,
  ];
  await replace(file, [await readFile(file, "utf8"), ...mounts].join("\n"));
}

/** As an editor does it: nobody sees half a file. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
