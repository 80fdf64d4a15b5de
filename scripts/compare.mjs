// npm run compare: the same hostile clients at Tidewire, tftpd-hpa, atftpd and dnsmasq, as a table.
// Everything runs in a network and a process namespace of its own, which dnsmasq's port 69 needs.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { get } from "../dist/src/index.js";
import { deathProbes } from "../dist/test/hostile/death-probes.js";
import { withRaw } from "../dist/test/hostile/probe.js";
import {
  blocksFile,
  readProbes,
  rolloverFile,
  secretFile,
} from "../dist/test/hostile/read-probes.js";
import { writeProbes } from "../dist/test/hostile/write-probes.js";
import { find } from "../dist/test/interop/peers.js";

if (process.env.TIDEWIRE_COMPARE !== "inside") enter();

const script = fileURLToPath(new URL("../bin/tidewire.js", import.meta.url));
const who = ["--user", "root"];
const servers = [
  {
    name: "Tidewire",
    program: process.execPath,
    version: [script, "--version"],
    args: (root, port) => [
      ...[script, "serve", root, "--listen", "127.0.0.1", "--port", port],
      ...["--uploads", "overwrite"],
    ],
  },
  {
    name: "tftpd-hpa",
    program: find("in.tftpd"),
    version: ["--version"],
    args: (root, port) => [
      ...["--foreground", "--address", `127.0.0.1:${port}`, "--create", "--secure"],
      ...[...who, "--permissive", root],
    ],
  },
  {
    name: "atftpd",
    program: find("atftpd"),
    version: ["--version"],
    args: (root, port) => [
      ...["--daemon", "--no-fork", "--logfile", "-", "--bind-address", "127.0.0.1"],
      ...["--port", port, ...who, "--group", "root", root],
    ],
  },
  {
    name: "dnsmasq",
    program: find("dnsmasq"),
    version: ["--version"],
    port: "69",
    readOnly: true,
    args: (root) => [
      ...["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file="],
      ...[
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--enable-tftp",
        `--tftp-root=${root}`,
      ],
    ],
  },
];

spawnSync("ip", ["link", "set", "lo", "up"]);
// tftpd-hpa resolves only families that the machine has an address of, loopback not counted.
spawnSync("ip", ["address", "add", "192.0.2.1/32", "dev", "lo"]);
const probes = [...readProbes, ...writeProbes, ...deathProbes(6)];
const questions = ["memory of the idle process", ...probes.map(({ question }) => question)];
const columns = [];
for (const [index, server] of servers.entries()) {
  columns.push(await examine(server, server.port ?? `${7100 + index}`));
}
print();

/** Runs this script again where it can do no harm, and ends with its status. */
function enter() {
  const own = ["--net", "--pid", "--mount-proc", "--fork", "--kill-child"];
  if (process.getuid?.() !== 0) own.push("--map-root-user");
  const { status, error } = spawnSync("unshare", [...own, process.execPath, process.argv[1]], {
    stdio: "inherit",
    env: { ...process.env, TIDEWIRE_COMPARE: "inside" },
  });
  if (error) console.error("This needs Linux with unshare.");
  process.exit(status ?? 1);
}

async function examine(server, port) {
  const { name, program, args, readOnly } = server;
  if (!program) return { name, version: "not installed", cells: ["", ...probes.map(() => "")] };
  const above = mkdtempSync(join(tmpdir(), "tidewire-compare-"));
  const root = prepared(above);
  let child;
  const kill = async () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  const subject = {
    name,
    address: { host: "127.0.0.1", port: Number(port) },
    root,
    takesUploads: !readOnly,
    kill,
    restart: async () => {
      if (child && child.exitCode === null && child.signalCode === null) return;
      // A group of its own, because tftpd-hpa has a process for each transfer.
      child = spawn(program, args(root, port), { stdio: "ignore", detached: true });
      await answers(subject);
    },
  };
  try {
    await subject.restart();
    const cells = [memoryOf(child)];
    for (const probe of probes) cells.push(await cellOf(probe, subject));
    return { name, version: versionOf(server), cells };
  } finally {
    await kill();
    rmSync(above, { recursive: true, force: true });
  }
}

/** A folder that everybody may read and write, with a secret beside it. */
function prepared(above) {
  const root = join(above, "root");
  mkdirSync(root);
  spawnSync("chmod", ["a+rwx", above, root]);
  for (const { name, bytes } of [blocksFile, rolloverFile]) writeFileSync(join(root, name), bytes);
  writeFileSync(join(above, secretFile.name), secretFile.text);
  symlinkSync(join(above, secretFile.name), join(root, "link-to-secret"));
  spawnSync("chmod", ["-R", "a+rw", above]);
  return root;
}

async function answers({ address }) {
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      const patience = { plain: true, timeoutMillis: 200, retries: 0 };
      await get(`tftp://127.0.0.1:${address.port}/blocks`, patience).bytes();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

/** Resident. Neither good nor bad: it is what a runtime costs. */
function memoryOf({ pid }) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return `${Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024)} MB`;
}

async function cellOf(probe, subject) {
  if (probe.needsUploads && !subject.takesUploads) return "takes none";
  try {
    const { text, good } = await withRaw((raw) => probe.run(subject, raw));
    return good ? text : `**${text}**`;
  } catch (error) {
    return `**fails: ${error.message.slice(0, 60)}**`;
  }
}

function versionOf({ name, program, version }) {
  const { stdout, stderr } = spawnSync(program, version, { encoding: "utf8" });
  const number = /\d+(?:\.\d+)+\w*/.exec(`${stdout}${stderr}`)?.[0] ?? "";
  return `${name} ${number}`.trim();
}

function print() {
  const row = (cells) => console.log(`| ${cells.join(" | ")} |`);
  row(["", ...columns.map(({ version, name }) => version || name)]);
  row(["---", ...columns.map(() => "---")]);
  for (const [at, question] of questions.entries()) {
    row([question, ...columns.map(({ cells }) => cells[at])]);
  }
}
