// How many bytes a server sends to a client that asks once and never answers, for each byte of the
// request: `node scripts/reflection.mjs`, as root, with the servers that are installed. Everything
// runs in a network namespace of its own, for dnsmasq has no other port than 69.

import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const inside = "--inside";
/** dnsmasq gives up after two minutes, the others sooner. */
const watchMillis = 130_000;
const readyMillis = 15_000;

const requests = {
  "plain, name of 1 character": ["a"],
  "plain, `pxelinux.0`": ["pxelinux.0"],
  "plain, name of 30 characters": ["images/x86/vmlinuz-6.18.0-test"],
  "`pxelinux.0`, tsize": ["pxelinux.0", "tsize", "0"],
  "`pxelinux.0`, tsize and blksize": ["pxelinux.0", "tsize", "0", "blksize", "1408"],
  "name of 1 character, blksize": ["a", "blksize", "1408"],
};

if (process.argv[2] === inside) await main();
else {
  const args = ["--net", process.execPath, fileURLToPath(import.meta.url), inside];
  const { status, error } = spawnSync("unshare", args, { stdio: "inherit" });
  if (error) console.error(`reflection: unshare cannot be run (${error.message}).`);
  process.exitCode = status ?? 1;
}

async function main() {
  spawnSync("ip", ["link", "set", "lo", "up"]);
  // in.tftpd looks up no IPv4 address where there is only loopback.
  spawnSync("ip", ["address", "add", "192.0.2.1/24", "dev", "lo"]);
  const root = await mkdtemp(join(tmpdir(), "tidewire-reflection-"));
  try {
    await fillFolder(root);
    const rows = await Promise.all(serversFor(root).map(measure));
    printTable(rows.filter((row) => row !== undefined));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function fillFolder(root) {
  await chmod(root, 0o755);
  spawnSync("mkdir", ["-p", join(root, "images/x86")]);
  const content = new Uint8Array(100_000);
  for (const [name] of Object.values(requests)) {
    await writeFile(join(root, name), content, { mode: 0o666 });
  }
}

function serversFor(root) {
  const tidewire = fileURLToPath(new URL("../bin/tidewire.js", import.meta.url));
  const ours = ["serve", root, "--listen", "127.0.0.1:7001", "--log", "off"];
  const hpa = ["--foreground", "--address", "127.0.0.1:7002", "--secure", "--permissive"];
  const atftpd = ["--daemon", "--no-fork", "--bind-address", "127.0.0.1", "--port", "7003"];
  const dnsmasq = [
    "--no-daemon",
    "--conf-file=/dev/null",
    "--port=0",
    "--user=root",
    "--pid-file=",
  ];
  const where = ["--listen-address=127.0.0.1", "--bind-interfaces", "--enable-tftp"];
  return [
    { name: "tidewire", program: process.execPath, args: [tidewire, ...ours], port: 7001 },
    {
      name: "in.tftpd",
      program: find("in.tftpd"),
      args: [...hpa, "--user", "root", root],
      port: 7002,
    },
    {
      name: "atftpd",
      program: process.env.TIDEWIRE_ATFTPD ?? find("atftpd"),
      args: [...atftpd, "--user", "root", "--group", "root", root],
      port: 7003,
    },
    {
      name: "dnsmasq",
      program: find("dnsmasq"),
      args: [...dnsmasq, ...where, `--tftp-root=${root}`],
      port: 69,
    },
  ];
}

function find(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function measure({ name, program, args, port }) {
  if (program === undefined) {
    console.error(`reflection: ${name} is not installed, and left out.`);
    return undefined;
  }
  const child = spawn(program, args, { stdio: "ignore" });
  try {
    await answers(port, name);
    const asked = Object.values(requests);
    const factors = await Promise.all(asked.map((words) => factor(words, port, watchMillis)));
    return { name, factors };
  } catch (error) {
    console.error(`reflection: ${error.message}; it is left out.`);
    return undefined;
  } finally {
    child.kill("SIGKILL");
  }
}

async function answers(port, name) {
  for (const deadline = performance.now() + readyMillis; performance.now() < deadline; ) {
    if ((await factor(["nope"], port, 200)) > 0) return;
  }
  throw new Error(`${name} does not answer`);
}

/** Bytes out for each byte in; only the first request is ours, then we are silent. */
async function factor([filename, ...options], port, millis) {
  const request = Buffer.from(`\0\x01${[filename, "octet", ...options, ""].join("\0")}`);
  const socket = createSocket("udp4");
  let bytes = 0;
  socket.on("message", (datagram) => {
    bytes += datagram.length;
  });
  socket.send(request, port, "127.0.0.1");
  await setTimeout(millis);
  socket.close();
  return bytes / request.length;
}

function printTable(rows) {
  console.log(`| request | ${rows.map(({ name }) => name).join(" | ")} |`);
  console.log(`| --- | ${rows.map(() => "---:").join(" | ")} |`);
  for (const [at, request] of Object.keys(requests).entries()) {
    const factors = rows.map((row) => row.factors[at].toFixed(1));
    console.log(`| ${request} | ${factors.join(" | ")} |`);
  }
}
