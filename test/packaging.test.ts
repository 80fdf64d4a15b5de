// The container files and the units, held against the checkout and the command line: what they
// name exists, and what they say to the command is what it takes.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { commandTable } from "../src/cli/command-table.ts";
import { parseConfig } from "../src/cli/config-file.ts";
import { serving } from "./cli/command.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
const dockerfile = readFileSync(join(root, "packaging/Dockerfile"), "utf8");
const manifest = readFileSync(join(root, "packaging/kubernetes.yaml"), "utf8");
const entry = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? "[]") as string[];
const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? "[]") as string[];

test("what the Dockerfile copies and runs is there", () => {
  const copied = [...dockerfile.matchAll(/^COPY --from=build (.+) \S+$/gm)]
    .flatMap(([, paths = ""]) => paths.split(" "))
    .map((path) => path.replace(/^\/build\//, ""));
  assert.ok(copied.length >= 5);
  assert.deepEqual(
    copied.filter((path) => !existsSync(join(root, path))),
    [],
  );
  const home = /^WORKDIR (\/usr\S+)$/m.exec(dockerfile)?.[1] ?? "";
  const [node, script = ""] = entry;
  assert.equal(node, "node");
  const [first = ""] = script.slice(home.length + 1).split("/");
  assert.ok(copied.includes(first) && existsSync(join(root, script.slice(home.length + 1))));
  // What npm would send is what runs in the container, beside its packages.
  const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const needed = (files as string[]).filter((path) => !/^!|\.md$/.test(path));
  assert.deepEqual(
    needed.filter((path) => !copied.some((each) => path.startsWith(each))),
    [],
  );
});

test("each script that the Dockerfile runs is there", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const line = /^RUN (.*)$/m.exec(dockerfile)?.[1] ?? "";
  const named = [...line.matchAll(/npm run (\S+)/g)].map(([, name = ""]) => name);
  const run = [...line.matchAll(/node (\S+)/g)].map(([, path = ""]) => path);
  assert.ok(named.length > 0);
  assert.deepEqual(
    named.filter((name) => !(name in scripts)),
    [],
  );
  assert.deepEqual(
    run.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

test("the command of the image starts a server on the port that it exposes", async (t) => {
  const served = await folder(t);
  const port = command[command.indexOf("--port") + 1];
  assert.equal(/^EXPOSE (\d+)\/udp$/m.exec(dockerfile)?.[1], port);
  const words = command.slice(1).map((word) => (word === "/srv/tftp" ? served : word));
  const { output } = await serving(t, [...words, "--port", "0"]);
  assert.match(output(), /^\{"level":"info",.*"event":"listening"/);
});

test("the manifest of Kubernetes agrees with itself and with the image", async (t) => {
  const config = /tidewire\.toml: \|\n((?: {4}.*\n)+)/.exec(manifest)?.[1] ?? "";
  const { flags, dir } = parseConfig(config, "kubernetes.yaml");
  const [name, flag, path = ""] = JSON.parse(/args: (\[.*\])/.exec(manifest)?.[1] ?? "[]");
  assert.deepEqual([name, flag], ["serve", "--config"]);
  const mounted = [...manifest.matchAll(/mountPath: (\S+)/g)].map(([, at]) => at);
  assert.deepEqual(
    [dirname(path), dir].filter((at) => !mounted.includes(at)),
    [],
  );
  const ports = [...manifest.matchAll(/containerPort: (\d+)/g)].map(([, port]) => Number(port));
  assert.deepEqual(ports, [flags.port, Number(flags.metrics?.split(":")[1])]);
  const names = [...manifest.matchAll(/- name: (\S+)\n +containerPort/g)].map(([, port]) => port);
  const used = [...manifest.matchAll(/(?:targetPort|path: \/\w+\n +port): (\S+)/g)];
  assert.equal(used.length, 3);
  assert.deepEqual(
    used.filter(([, port]) => !names.includes(port)),
    [],
  );
  const user = /^USER (\d+):(\d+)$/m.exec(dockerfile);
  assert.match(manifest, new RegExp(`runAsUser: ${user?.[1]}\n +runAsGroup: ${user?.[2]}\n`));
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, config.replace("/srv/tftp", dirname(file)).replace(/^ {4}/gm, ""));
  const script = join(root, "bin/tidewire.js");
  await run(process.execPath, [script, "check", file]);
});

test("the unit starts the server with options that it has", async () => {
  const unit = readFileSync(join(root, "packaging/tidewire.service"), "utf8");
  const [, name, ...words] = (/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "").split(" ");
  const serve = (await commandTable()).find((row) => row.name === name);
  const known = serve?.options.map(({ long }) => long) ?? [];
  const options = words.filter((word) => word.startsWith("--"));
  assert.ok(options.length > 0);
  assert.deepEqual(
    options.filter((option) => !known.includes(option)),
    [],
  );
  // Who follows at a hand-over speaks to systemd as well.
  assert.match(unit, /^NotifyAccess=all$/m);
});

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tidewire-packaging-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
