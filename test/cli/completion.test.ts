// Shell completions and the man page: all options are there, and real shells and formatters agree.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { commandTable } from "../../src/cli/command-table.ts";
import { bashScript, fishScript, zshScript } from "../../src/cli/completion-scripts.ts";
import { failsWith, folder, tidewire } from "./command.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const table = await commandTable();
const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };

test("the table has every command, with the options that its help shows", async () => {
  const names = table.map(({ name }) => name);
  const help = (await tidewire(["--help"])).stdout.toString();
  assert.deepEqual(
    [...help.matchAll(/^ {2}([a-z][a-z-]+) {2,}/gm)].map(([, name]) => name),
    names,
  );
  for (const { name, options } of table) {
    const shown = (await tidewire([name, "--help"])).stdout.toString();
    const flags = [...shown.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag]) => flag);
    assert.deepEqual(
      flags,
      options.map(({ long }) => long),
      name,
    );
    assert.ok(flags.length > 0);
  }
});

test("the value that may be left out is that of --web alone", () => {
  const optional = table.flatMap(({ options }) => options.filter(({ value }) => value?.optional));
  assert.deepEqual(
    optional.map(({ long }) => long),
    ["--web"],
  );
});

test("every option of every command is in each script and in the man page", () => {
  const page = readFileSync(join(root, "packaging/tidewire.1"), "utf8").replaceAll("\\-", "-");
  for (const { name, options } of table) {
    const section = page.split(".SS tidewire ").find((text) => text.startsWith(name)) ?? "";
    for (const { long, flags } of options) {
      assert.ok(section.includes(`.B ${flags}\n`), `${name} ${long} in the man page`);
      for (const [shell, script] of Object.entries(scripts)) {
        const word = new RegExp(shell === "fish" ? `-l ${long.slice(2)}\\b` : `${long}\\b`);
        assert.match(script(table), word, `${name} ${long} in ${shell}`);
      }
    }
  }
});

test("the command prints the script, and knows no other shell", async () => {
  for (const [shell, script] of Object.entries(scripts)) {
    const { stdout, status } = await tidewire(["completion", shell]);
    assert.deepEqual([stdout.toString(), status], [script(table), 0]);
  }
  failsWith(await tidewire(["completion", "cmd"]), 2, /'cmd' is invalid.* bash, zsh, fish/);
});

test("bash completes commands, options and values", having("bash"), async (t) => {
  const path = await saved(t, "bash");
  const complete = (...words: string[]): string[] => {
    const last = words.length;
    const text = `source "$1"; shift; COMP_WORDS=(tidewire "$@"); COMP_CWORD=${last}
      _tidewire; printf '%s\n' "\${COMPREPLY[@]}"`;
    const args = ["--norc", "-c", text, "bash", path, ...words];
    return execFileSync("bash", args, { encoding: "utf8" }).split("\n").filter(Boolean);
  };
  assert.deepEqual(complete("in"), ["install-service"]);
  assert.deepEqual(complete("--v"), ["--version"]);
  assert.deepEqual(complete("serve", "--upload-n"), ["--upload-names"]);
  assert.deepEqual(complete("serve", "--uploads", "o"), ["off", "overwrite"]);
  assert.deepEqual(complete("serve", "--log", "=", "j"), ["json"]);
  assert.deepEqual(complete("serve", "--log", "="), ["pretty", "json", "off"]);
  assert.deepEqual(complete("serve", "--port", ""), []);
  assert.deepEqual(complete("get", "--upl"), []);
  assert.deepEqual(complete("completion", ""), ["bash", "zsh", "fish"]);
});

test("zsh completes commands, options and values", having("zsh"), async (t) => {
  const path = await saved(t, "zsh");
  const home = await folder(t);
  // A real line editor: Tab completes, and ^X shows what stands in the line then.
  const text = `zmodload zsh/zpty
    zpty z 'PS1= zsh -f -i'
    zpty -w z 'PROMPT=; autoload -U compinit; compinit -u -D; source ${path}
      show() { print -r -- "<<$BUFFER>>"; BUFFER=; }; zle -N show; bindkey "^X" show; echo RE''ADY'
    zpty -r z out '*READY*'
    for line in "$@"; do
      zpty -w -n z "$line"$'\\t\\x18'
      zpty -r z out '*<<*>>*'; print -r -- "$out"
    done
    zpty -d z`;
  const lines = ["tidewire inst", "tidewire serve --upload-na", "tidewire serve --uploads ov"];
  const env = { ...process.env, HOME: home, TERM: "dumb" };
  const { stdout } = await run("zsh", ["-f", "-c", text, "zsh", ...lines], {
    env,
    timeout: 30_000,
  });
  assert.deepEqual(
    [...stdout.matchAll(/<<(tidewire .*?)>>/g)].map(([, line]) => line?.trim()),
    [
      "tidewire install-service",
      "tidewire serve --upload-names=",
      "tidewire serve --uploads overwrite",
    ],
  );
});

test("fish completes commands, options, values and folders", having("fish"), async (t) => {
  const path = await saved(t, "fish");
  const home = await folder(t);
  await mkdir(join(home, "boot"));
  await writeFile(join(home, "bootfile"), "");
  const complete = async (line: string): Promise<string[]> => {
    const args = ["--no-config", "-c", `source ${path}; complete -C '${line}'`];
    const env = { ...process.env, HOME: home };
    const { stdout } = await run("fish", args, { cwd: home, env, timeout: 30_000 });
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((each) => each.split("\t")[0] as string);
  };
  assert.deepEqual(await complete("tidewire inst"), ["install-service"]);
  assert.deepEqual(await complete("tidewire serve --upload-na"), ["--upload-names"]);
  assert.deepEqual(await complete("tidewire serve --uploads o"), ["off", "overwrite"]);
  assert.deepEqual(await complete("tidewire serve boo"), ["boot/"]);
  assert.deepEqual(await complete("tidewire put boo"), ["boot/", "bootfile"]);
});

test("the man page is what the option table says", async () => {
  const { stdout } = await run(process.execPath, [join(root, "scripts/man.mjs")]);
  const page = readFileSync(join(root, "packaging/tidewire.1"), "utf8");
  assert.equal(page, stdout, "run `npm run man`");
});

const formatters: readonly (readonly [program: string, args: readonly string[]])[] = [
  ["groff", ["-man", "-ww", "-Tutf8"]],
  ["mandoc", ["-T", "lint", "-W", "warning"]],
];
for (const [program, args] of formatters) {
  test(`${program} has nothing to say about the man page`, having(program), () => {
    const path = join(root, "packaging/tidewire.1");
    const { stdout, stderr } = spawnSync(program, [...args, path], { encoding: "utf8" });
    const said = `${stderr}${program === "mandoc" ? stdout : ""}`.trim().split("\n");
    // A date would be that of the last change, which the history of the file tells.
    assert.deepEqual(
      said.filter((line) => line !== "" && !/missing date/.test(line)),
      [],
    );
    assert.ok(stdout.length > 0);
  });
}

function having(program: string): { readonly skip?: string; readonly timeout: number } {
  const timeout = 60_000;
  const has = spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
  if (has || process.env.TIDEWIRE_PEERS === "required") return { timeout };
  return { timeout, skip: `${program} is not installed` };
}

async function saved(t: TestContext, shell: keyof typeof scripts): Promise<string> {
  const path = join(await folder(t), `tidewire.${shell}`);
  await writeFile(path, scripts[shell](table));
  return path;
}
