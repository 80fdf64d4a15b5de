// The command as it is sent out: bundled as in the package, and as one executable file.

import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const timeout = 140_000;

test("the bundled command does what the modules do, and finds its files", {
  timeout,
}, async (t) => {
  const copy = await folder(t);
  for (const path of ["package.json", "bin", "dist/src", "src/page", "packaging"]) {
    mkdirSync(join(copy, path, ".."), { recursive: true });
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "junction");
  execFileSync(process.execPath, [join(root, "scripts/bundle.mjs"), copy]);
  const cli = join(copy, "dist/src/cli");
  const files = readdirSync(cli);
  assert.ok(files.length < 60, `${files.length} files`);
  for (const file of files) {
    assert.doesNotMatch(readFileSync(join(cli, file), "utf8"), /from ?["']\.\.\//, file);
  }
  const client = files.filter((file) => /^client-(?!capture)/.test(file));
  assert.equal(client.length, 1, "what get and put load is one file");
  const code = readFileSync(join(cli, client[0] as string), "utf8");
  assert.doesNotMatch(
    code,
    /require\("(?:commander|node:child_process|\.\/(?!rolldown))[^)]*\);$/m,
  );
  assert.ok(files.includes("LICENSE.commander"));
  await checkCommand(t, [process.execPath, join(copy, "bin/tidewire.js")]);
});

test("the executable file needs nothing beside it", { timeout }, async (t) => {
  const into = await folder(t);
  const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
  if (process.platform !== "linux") return t.skip("made and tried on Linux");
  if (!readFileSync(process.execPath).includes(fuse)) return t.skip("this Node cannot become one");
  await run(process.execPath, [join(root, "scripts/executable.mjs"), into], { timeout });
  assert.deepEqual(readdirSync(into), ["tidewire"]);
  await checkCommand(t, [join(into, "tidewire")]);
});

async function checkCommand(t: TestContext, [program = "", ...args]: string[]): Promise<void> {
  const served = await folder(t);
  const options = { cwd: served, timeout };
  const tidewire = async (...more: string[]): Promise<string> => {
    return (await run(program, [...args, ...more], options)).stdout;
  };
  assert.equal(await tidewire("--version"), `${version}\n`);
  assert.match(await tidewire("install-service"), /^ExecStart=.* serve --config/m);
  assert.match(await tidewire("completion", "bash"), /--windowsize-max/);
  await writeFile(join(served, "a"), "content");
  await writeFile(join(served, "tidewire.toml"), 'dir = "."\n');
  const where = ["--listen", "127.0.0.1", "--port", "0", "--web", "127.0.0.1:0"];
  const child = spawn(program, [...args, "serve", "--config", "tidewire.toml", ...where], options);
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const [, port, page] = await printed(child, /UDP port (\d+) [\s\S]*Watch it on (\S+)/);
  assert.equal(await tidewire("get", `tftp://127.0.0.1:${port}/a`, "-o", "-"), "content");
  assert.match(await (await fetch(`${page}`)).text(), /<html/);
  assert.match(await (await fetch(`${page}page.js`)).text(), /import /);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
}

function printed(child: ChildProcess, pattern: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      const match = output.match(pattern);
      if (match) resolve(match);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("close", () => reject(new Error(`never printed ${pattern}:\n${output}`)));
  });
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tidewire-packed-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
