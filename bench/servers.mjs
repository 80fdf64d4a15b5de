// Every server of the benchmark: how it is started on loopback, how it is asked whether it answers,
// and how it is ended. Each is a process of its own. Knows nothing of rows and loads.

import { spawn, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  atftpd,
  cache,
  environment,
  firstLine,
  here,
  installed,
  npmTftp,
  program,
  tidewire,
  tidewireVersion,
} from "./peers.mjs";
import { ControlGroup, cpuSeconds, peakBytes, residentBytes } from "./process-cost.mjs";

const many = "20000";

let help;

/** Undefined when this state of Tidewire does not know the flag. */
function ours(dir, port, { serve = [], flag, value }) {
  help ??= spawnSync(process.execPath, [tidewire, "serve", "--help"], { encoding: "utf8" }).stdout;
  if (flag && !help.includes(`${flag} `)) return undefined;
  return [
    process.execPath,
    ...[tidewire, "serve", dir, "--listen", `127.0.0.1:${port}`, "--log", "off"],
    ...["--transfers-max", many, "--transfers-max-per-client", many, ...serve],
    ...[flag, value].filter((word) => word !== undefined),
  ];
}

/** `command` gives the command line; undefined: this server is not to be had here. */
export const servers = {
  tidewire: {
    version: tidewireVersion,
    command: (dir, port, options) => ours(dir, port, options),
  },
  "tidewire, one port": {
    version: tidewireVersion,
    command: (dir, port, options) => ours(dir, port, { ...options, flag: "--single-port" }),
  },
  "tidewire, 2 workers": {
    version: tidewireVersion,
    command: (dir, port, options) => ours(dir, port, { ...options, flag: "--workers", value: "2" }),
  },
  "in.tftpd": {
    version: () => firstLine(installed("in.tftpd"), ["-V"]),
    command: (dir, port) => {
      const path = installed("in.tftpd");
      return path && [path, "-L", "-a", `127.0.0.1:${port}`, "-s", dir];
    },
    needsRoot: true,
  },
  atftpd: {
    version: () => firstLine(atftpd(), ["--version"]),
    command: (dir, port) => {
      const path = atftpd();
      const place = ["--port", `${port}`, "--bind-address", "127.0.0.1"];
      const user = process.getuid() === 0 ? ["--user", "root.root"] : [];
      const form = ["--daemon", "--no-fork", "--maxthread", many, "--logfile", "/dev/null"];
      return path && [path, ...form, ...place, ...user, dir];
    },
  },
  dnsmasq: {
    version: () => firstLine(installed("dnsmasq"), ["--version"]).replace(/ {2}.*/, ""),
    command: (dir) => {
      const path = installed("dnsmasq");
      const place = ["--listen-address=127.0.0.1", "--bind-interfaces", "--port=0"];
      const form = [
        "--user=root",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--leasefile-ro",
      ];
      const tftp = ["--enable-tftp", "--quiet-tftp", `--tftp-root=${dir}`, `--tftp-max=${many}`];
      return path && [path, ...form, ...place, ...tftp, "--log-facility=/dev/null"];
    },
    needsRoot: true,
    port: 69, // it knows no other
  },
  "npm tftp": {
    version: () => "0.1.2",
    command: (dir, port) => {
      const folder = npmTftp();
      return folder && [process.execPath, `${here}npm-server.mjs`, folder, dir, `${port}`];
    },
  },
  limit: {
    version: () => "bench/limit.c",
    command: (dir, port) => [program("limit"), dir, `${port}`],
  },
};

/** The names of the servers that can run here; tells of the others. */
export function available(names, tell) {
  return names.filter((name) => {
    const { command, needsRoot } = servers[name];
    if (needsRoot && process.getuid() !== 0) tell(`${name} is left out: it needs root.`);
    else if (!command("/", 0, {})) tell(`${name} is left out: it is not installed.`);
    else return true;
    return false;
  });
}

// As many descriptors as the system lets a process have: a transfer needs one or two. $0 is the
// control group that counts the time, or nothing.
const prepare =
  'ulimit -n "$(ulimit -H -n)"; [ -z "$0" ] || echo $$ > "$0/cgroup.procs"; exec "$@"';

/** A server that runs. Ended by `stop`, and in any case with this process. */
export class RunningServer {
  static #all = new Set();
  static #closed = false;

  static async start(name, dir, options = {}) {
    if (RunningServer.#closed) throw new Error("The benchmark is at its end.");
    const port = servers[name].port ?? (await freePort());
    const command = servers[name].command(dir, port, options);
    const group = ControlGroup.make();
    const pinned = options.pinned ? ["taskset", "-c", "0"] : [];
    const [file, ...args] = [...pinned, "sh", "-c", prepare, group?.path ?? "", ...command];
    // Not a pipe: a server that logs much must not wait for us.
    const log = join(cache, `${name.replace(/\W+/g, "-")}.log`);
    const output = openSync(log, "w");
    const stdio = ["ignore", output, output];
    const child = spawn(file, args, { stdio, env: environment });
    closeSync(output);
    const server = new RunningServer({ name, port, child, group, log });
    try {
      await server.#answers(options.probe);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** For the end of this process, however it comes. */
  static killAll() {
    RunningServer.#closed = true;
    for (const server of RunningServer.#all) server.#kill("SIGKILL");
  }

  #child;
  #group;
  #log;

  constructor({ name, port, child, group, log }) {
    this.name = name;
    this.port = port;
    this.#child = child;
    this.#group = group;
    this.#log = log;
    RunningServer.#all.add(this);
    child.on("error", () => {}); // it shows as not alive
  }

  get alive() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get lastWords() {
    return readFileSync(this.#log, "utf8").slice(-300).trim();
  }

  cpuSeconds() {
    return this.#group?.cpuSeconds() ?? cpuSeconds(this.#child.pid);
  }

  /** Watches the memory: `soFar` is the most bytes that were seen since now, until `end`. */
  watchMemory() {
    const { pid } = this.#child;
    let most = 0;
    let timer;
    const look = () => {
      const began = performance.now();
      most = Math.max(most, residentBytes(pid));
      // Thousands of children take long to look at: that must not become a load of its own.
      timer = setTimeout(look, Math.max(500, 30 * (performance.now() - began)));
    };
    look();
    const soFar = () => (most = Math.max(most, residentBytes(pid), peakBytes(pid)));
    return { soFar, end: () => clearTimeout(timer) };
  }

  async stop() {
    if (this.alive && this.#child.pid !== undefined) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      const patience = sleep(2000, "late", { ref: false });
      if ((await Promise.race([ended, patience])) === "late") this.#child.kill("SIGKILL");
      await ended;
    }
    RunningServer.#all.delete(this);
    // What it left behind, such as children in the middle of a transfer.
    for (let attempt = 0; attempt < 20 && !(this.#group?.remove() ?? true); attempt++) {
      this.#kill("SIGKILL");
      await sleep(50);
    }
  }

  #kill(signal) {
    this.#child.kill(signal);
    for (const pid of this.#group?.pids() ?? []) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended since.
      }
    }
    this.#group?.remove();
  }

  async #answers(file) {
    for (let attempt = 0; attempt < 50; attempt++) {
      if (!this.alive) throw new Error(`${this.name} ended at once: ${this.lastWords}`);
      if (await answers(this.port, file)) return;
    }
    throw new Error(`${this.name} does not answer: ${this.lastWords}`);
  }
}

/** Asks for a file and, at the first answer, gives up in good order. */
async function answers(port, file) {
  const socket = createSocket("udp4");
  const request = Buffer.from(`\0\x01${file}\0octet\0`);
  const giveUp = Buffer.from("\0\x05\0\0enough\0");
  try {
    socket.on("error", () => {});
    const answer = once(socket, "message");
    socket.send(request, port, "127.0.0.1");
    const patience = sleep(100, undefined, { ref: false });
    const heard = await Promise.race([answer, patience]);
    if (!heard) return false;
    await new Promise((done) => socket.send(giveUp, heard[1].port, heard[1].address, done));
    return true;
  } finally {
    socket.close();
  }
}

async function freePort() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

process.on("exit", () => RunningServer.killAll());
