// What `tidewire check` foretells is what the server then does, and what it calls right can start.

import assert from "node:assert/strict";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { put, TftpError } from "../../src/index.ts";
import { failsWith, folder, serving, tidewire } from "./command.ts";

interface Site {
  readonly file: string;
  /** The server's own folder. */
  readonly dir: string;
}

/** `lines`: of the configuration, after `dir`. */
async function site(t: TestContext, lines: (dir: string) => string = () => ""): Promise<Site> {
  const root = await folder(t);
  const dir = join(root, "own");
  await mkdir(join(dir, "sub"), { recursive: true });
  await writeFile(join(dir, "there"), "hello");
  const file = join(root, "tidewire.toml");
  await writeFile(file, `dir = ${JSON.stringify(dir)}\n${lines(dir)}\n`);
  return { file, dir };
}

async function foretold(file: string, name: string, ...more: string[]): Promise<string> {
  const args = ["check", file, "--client", "127.0.0.1", "--name", name, ...more];
  const { stdout, stderr, status } = await tidewire(args);
  assert.deepEqual([status, stderr], [0, ""]);
  return stdout.toString();
}

test("whether an upload is taken is foretold for each kind of name", async (t) => {
  const { file, dir } = await site(t, () => 'uploads = "create"');
  const { url } = await serving(t, ["--config", file]);
  for (const [name, says] of [
    ["new", /^It may upload \S+\/own\/new\.\n/],
    [`${dir}/again`, /^It may upload \S+\/own\/again\.\n/],
    ["x/../more", /^It may upload \S+\/own\/more\.\n/],
    [".hid", /^It is refused: file not found\.\nNames that begin with a dot are hidden/],
    ["there", /^It is refused: file already exists\.\nSet uploads to overwrite/],
    ["none/new", /^It is refused: the folder does not exist\.\n/],
    ["sub", /^It is refused: /],
  ] as const) {
    const before = await readdir(dir);
    const told = await foretold(file, name, "--write");
    assert.match(told, says);
    assert.deepEqual(await readdir(dir), before, "nothing is written");
    const encoded = encodeURIComponent(name);
    const refused = await put(`${url}/${encoded}`, new Uint8Array(1)).then(
      () => false,
      (thrown: unknown) => thrown instanceof TftpError,
    );
    assert.equal(told.startsWith("It is refused"), refused, name);
  }
});

test("who asks why a hidden file is not found is told, and for no other one", async (t) => {
  const { file, dir } = await site(t);
  await writeFile(join(dir, ".profile"), "");
  assert.match(await foretold(file, "sub/../.profile"), /file not found\.\n.* dot are hidden/);
  assert.doesNotMatch(await foretold(file, "./x/../none."), /hidden/);
});

test("a file is named by its own path, also where the name repeats the folder's", async (t) => {
  const { file, dir } = await site(t);
  assert.match(await foretold(file, `${dir}/there`), /^It gets (?:(?!own).)+\/own\/there, 5 bytes/);
});

test("two mounts of one folder each have their own policy", async (t) => {
  const { file } = await site(t, (dir) => {
    const mount = `[[mount]]\nat = "x"\ndir = ${JSON.stringify(dir)}\n`;
    return `${mount}clients = "10.0.0.0/8"\nuploads = "create"\n${mount}uploads = "off"\n`;
  });
  const told = await foretold(file, "x/new", "--write");
  assert.match(told, /^It is refused: uploads are not allowed here\./);
});

test("a name that is too long is refused before any rule is asked", async (t) => {
  const { file } = await site(t, () => 'rule = "ignore"');
  assert.equal(
    await foretold(file, "x".repeat(1024)),
    "It gets no answer.\nRule 1 decides: ignore.\n",
  );
  const told = await foretold(file, "x".repeat(1025));
  assert.equal(told, "It is refused: the name is too long.\n");
});

test("without mounts, uploads are refused before their names are looked at", async (t) => {
  const { file } = await site(t);
  const { url } = await serving(t, ["--config", file]);
  await assert.rejects(put(`${url}/..`, new Uint8Array(1)), /uploads are not allowed here/);
  assert.match(await foretold(file, "..", "--write"), /^It is refused: uploads are not allowed/);
});

test("a folder that may not be written takes no upload", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const uid = 65_534;
  if ((await tidewire(["--version"], { uid })).status !== 0)
    return t.skip("cannot be run by others");
  const { file, dir } = await site(t, () => 'uploads = "create"');
  await chmod(join(dir, ".."), 0o755);
  const asked = ["--client", "127.0.0.1", "--name", "new", "--write"];
  const { stdout } = await tidewire(["check", file, ...asked], { uid });
  assert.match(stdout.toString(), /^It is refused: access denied\.\n/);
});

test("an empty name is refused before any rule is asked", async (t) => {
  const { file } = await site(t, () => 'rule = "ignore"');
  assert.equal(await foretold(file, ""), "It is refused: the request names no file.\n");
});

for (const [lines, says] of [
  ['web = "0.0.0.0:33002"', /the page would be open to everybody who reaches 0\.0\.0\.0/],
  ['web-password-file = "x"', /there is no page to protect/],
  ['web-name = "tftp.example"', /there is no page to give a name/],
  ["workers = 2\nport = 0", /workers cannot share a port/],
  ['workers = 2\nlisten = "127.0.0.1:0"', /workers cannot share a port/],
  ['audit = "/nope/x"', /the folder \/nope does not exist/],
  ['listen = "224.0.0.1"', /listen cannot be "224\.0\.0\.1"\.\nHint: That is many/],
  ['listen = "[ff02::1%lo]:69"', /listen cannot be "ff02::1%lo"/],
  ['listen = "::ffff:255.255.255.255"', /listen cannot be "::ffff:255\.255\.255\.255"/],
  ['audit = "/"', /the audit \/ is a folder/],
  ['listen = ["127.0.0.1", "127.0.0.1:69"]', /127\.0\.0\.1 port 69 twice\.\nHint: Leave one/],
  ['listen = ["127.0.0.1", "::ffff:7f00:1"]', /127\.0\.0\.1 port 69 twice\.\nHint: Leave one/],
  ['listen = ["0.0.0.0", "127.0.0.1"]', /127\.0\.0\.1 port 69, which 0\.0\.0\.0 stands for/],
  ['listen = ["::1", "127.0.0.1", "::"]', /::1 port 69, which :: .*\nHint: Leave ::1 out/],
  ['listen = ["::1", "0:0::1"]', /names ::1 port 69 twice\.\nHint: Leave one/],
  [
    'web = true\nmetrics = "127.0.0.1:8069"',
    /--web and --metrics have the same address\.\nHint: Leave/,
  ],
  ['capture = ["all", "/dev/null"]', /\/dev\/null is not a folder to keep captures in/],
  ['user = "no-such-user"', /there is no account no-such-user/],
] as const) {
  test(`what serve would refuse is not right: ${lines.replace("\n", ", ")}`, async (t) => {
    const { file } = await site(t, () => lines);
    failsWith(await tidewire(["check", file]), 1, says);
  });
}
