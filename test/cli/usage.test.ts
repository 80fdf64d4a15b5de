// The command line as a process: help, version, and every wrong use.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { copyFile, cp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { failsWith, folder, script, tidewire } from "./command.ts";

test("--version prints the version of the package and nothing else", async () => {
  const { version } = JSON.parse(
    readFileSync(new URL("../package.json", pathToFileURL(script)), "utf8"),
  );
  const { status, stdout, stderr } = await tidewire(["--version"]);
  assert.deepEqual([status, stdout.toString(), stderr], [0, `${version}\n`, ""]);
});

test("each --help fits 80 columns and has examples", async () => {
  const program = await tidewire(["--help"]);
  assert.equal(program.status, 0);
  assert.match(program.stdout.toString(), /serve.*get.*put.*Examples:/s);
  for (const command of ["serve", "check", "get", "put"]) {
    const { status, stdout, stderr } = await tidewire([command, "--help"]);
    assert.deepEqual([status, stderr], [0, ""]);
    const [options = "", examples = ""] = stdout.toString().split("\nExamples:\n");
    assert.match(options, new RegExp(`^Usage: tidewire ${command} .*\\n`));
    assert.ok(options.split("\n").every((line) => line.length <= 80));
    assert.equal(examples.trimEnd().split("\n").length, 2);
  }
});

const wrongUses: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [[], /no command is given\.\nHint: .*serve, check, get or put/],
  [["sevre"], /unknown command 'sevre'\.\nHint: Did you mean serve\?/],
  [["get", "--blksiz", "512", "tftp://h/x"], /'--blksiz'\.\nHint: Did you mean --blksize\?/],
  [["get"], /missing required argument 'URL'/],
  [["get", "tftp://h/x", "--blksize"], /'--blksize <N>' argument missing/],
  [["get", "tftp://h/x", "--blksize", "7"], /--blksize cannot be "7"\.\nHint: .*8 to 65464/],
  [["get", "tftp://h/x", "--windowsize", "0"], /--windowsize cannot be "0"/],
  [["get", "tftp://h/x", "--retries", "1e3"], /--retries cannot be "1e3"/],
  [["get", "tftp://h/x", "--timeout", "soon"], /--timeout cannot be "soon"/],
  [["get", "tftp://h/x", "--timeout", "0"], /--timeout cannot be "0"/],
  [["get", "tftp://h/x", "--rollover", "2"], /--rollover cannot be "2"/],
  [["get", "tftp://h/x", "--mode", "mail"], /--mode cannot be "mail"\.\nHint: .*octet or netascii/],
  [["get", "tftp://h/x;mode=octet", "--mode", "netascii"], /the URL asks for mode octet/],
  [
    ["get", "tftp://h/x", "--no-options", "--blksize", "512"],
    /cannot be used with.*\nHint: Leave one of them out/,
  ],
  [["get", "http://h/x"], /cannot use the URL "http:\/\/h\/x".*\nHint: .*tftp:\/\//],
  [["get", "tftp://h"], /cannot use the URL/],
  [["get", "tftp://h:99999/x"], /there is no port 99999/],
  [["get", "tftp://h/a", "tftp://h/b", "-o", "-"], /2 files cannot all go to standard output/],
  [["get", "tftp://h/a", "tftp://h/b", "-o", "nowhere"], /2 files cannot all go to nowhere/],
  [["get", "tftp://h/a/x", "tftp://h/b/x"], /two of the files would become x/],
  [["get", "tftp://h/a%2f"], /gives no name for the file: it ends with a slash.*\nHint: .*-o/],
  [["get", "tftp://h/a%2f.."], /\.\. begins with a dot/],
  [["get", "tftp://h/.profile"], /\.profile begins with a dot/],
  [["get", "tftp://h/x", "-o", ""], /-o names no file\.\nHint: Name a file, a folder, or -/],
  [["get", "tftp://h/%FCber"], /for is not UTF-8\.\nHint: Write each character in UTF-8/],
  [["get", "tftp://h/5%x"], /not followed by two hexadecimal digits\.\nHint: .* as %25/],
  [["put", "", "tftp://h/x"], /a file has no name\.\nHint: Name a file, or - for/],
  [["put", "x"], /no URL is given/],
  [["put", "tftp://h/x"], /no file is named/],
  [["put", "tftp://h/x", "file"], /the URL must come last/],
  [["put", "a", "b", "tftp://h/x"], /2 files cannot all become one file/],
  [["put", "a/x", "b/x", "tftp://h/"], /two of the files would become x/],
  [["put", "-", "tftp://h/"], /standard input has no name/],
  [["serve", "a", "b"], /too many arguments/],
  [["serve", ""], /the folder to serve has no name/],
  [["serve", "--watch-config"], /no configuration to watch\.\nHint: .*--config/],
  [["serve", "--web-name", "tftp.example"], /no page to give a name\.\nHint: Add --web/],
  [["serve", "--web-password-file", "x"], /no page to protect\.\nHint: Add --web/],
  [["serve", "--port", "65536"], /--port cannot be "65536"/],
  [
    ["serve", "--tid-ports", "10"],
    /--tid-ports cannot be "10"\.\nHint: Give the first and the last port: .*10-10 for one/,
  ],
  [["serve", "--tid-ports", "10-9"], /--tid-ports cannot be "10-9"\.\nHint: .*lower one first/],
  [
    ["serve", "--single-port", "--tid-ports", "10-19"],
    /'--tid-ports <FIRST-LAST>' cannot be used with option '--single-port'\.\nHint: Leave one/,
  ],
  [["serve", "--listen", "127.0.0.1", "--listen", "127.0.0.1:69"], /port 69 twice/],
  [["serve", "--listen", "127.0.0.1", "--listen", "0.0.0.0:69"], /which 0\.0\.0\.0 stands for/],
  [["serve", "--uploads", "yes"], /--uploads cannot be "yes"\.\nHint: Give off, create or overwr/],
  [["serve", "--upload-bytes-max", "10X"], /--upload-bytes-max cannot be "10X"/],
  [["serve", "--log", "xml"], /--log cannot be "xml"/],
  [["serve", "--listen", ":6969"], /--listen cannot be ":6969"\.\nHint: Use --port 6969/],
  [
    ["serve", "--listen", "localhost"],
    /--listen cannot be "localhost"\.\nHint: Give an IP address/,
  ],
];

for (const [args, says] of wrongUses) {
  test(`wrong usage: tidewire ${args.join(" ")}`, async () => {
    failsWith(await tidewire(args), 2, says);
  });
}

test("a name in an error cannot change the terminal", async () => {
  const result = await tidewire(["get", "http://h/\x1b[31m\u202e\n"]);
  failsWith(result, 2, /"http:\/\/h\/\\x1b\[31m\\u\{202e\}\\x0a"/);
});

test("TIDEWIRE_DEBUG=1 shows where an error comes from", () => {
  const { stderr } = spawnSync(process.execPath, [script, "get", "http://h/x"], {
    env: { ...process.env, TIDEWIRE_DEBUG: "1" },
    encoding: "utf8",
  });
  assert.match(stderr, /^ +at /m);
});

test("a checkout without a build says how to build it", async (t) => {
  const root = await folder(t);
  await mkdir(join(root, "bin"));
  for (const name of ["tidewire.js", "package.json"]) {
    await copyFile(join(dirname(script), name), join(root, "bin", name));
  }
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  const args = [join(root, "bin", "tidewire.js"), "--version"];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.match(stderr, /^tidewire: not built yet; run `npm install && npm run build` .*\n$/);
  assert.equal(status, 1);
});

test("where even its own words cannot be loaded, the command ends with status 1", async (t) => {
  const root = await folder(t);
  const top = dirname(dirname(script));
  await cp(join(top, "bin"), join(root, "bin"), { recursive: true });
  await cp(join(top, "dist", "src"), join(root, "dist", "src"), { recursive: true });
  await copyFile(join(top, "package.json"), join(root, "package.json"));
  await symlink(join(top, "node_modules"), join(root, "node_modules"), "junction");
  await rm(join(root, "dist", "src", "cli", "failure.js"));
  for (const args of [[], ["get", "tftp://127.0.0.1:9/x"]]) {
    const command = [join(root, "bin", "tidewire.js"), ...args];
    const limits = { timeout: 10_000, killSignal: "SIGKILL" } as const;
    const { status, stderr } = spawnSync(process.execPath, command, {
      ...limits,
      encoding: "utf8",
    });
    assert.match(stderr, /^tidewire: it failed, .* cannot be loaded \(\w+\)\.\nHint: \S.*\.\n$/);
    assert.equal(status, 1);
  }
});
