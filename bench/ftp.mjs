// FTP against TFTP over a link with real delay and loss, between two network name spaces. The
// link is made by the command in TIDEWIRE_LAB (`lab up --rtt MS --loss PERCENT`, `lab exec HOST
// COMMAND`); without it, or where it cannot run, this says so and measures nothing.

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { timed } from "./fetch.mjs";
import { spread } from "./measure.mjs";
import { atftpd, environment, installed, packaged, tidewire } from "./peers.mjs";
import { ftpTables } from "./report.mjs";

const host = "10.77.0.1";
const ports = { "in.tftpd": 69, atftpd: 1069, tidewire: 2069 };
const sizes = { source: 143_872, "8m": 8 * 1024 * 1024 };
const links = [0.282, 10, 100].flatMap((rtt) => [0, 1].map((loss) => ({ rtt, loss })));
const patienceSeconds = 40;
/** A run that takes longer than this is done once. */
const onceAfterSeconds = 2;

const url = (server, file) => `tftp://${host}:${ports[server]}/${file}`;
const vsftpd = () =>
  packaged("vsftpd", { variable: "TIDEWIRE_VSFTPD", path: "usr/sbin/vsftpd", debian: "vsftpd" });
const ours = (file, to, more) => [
  process.execPath,
  ...[tidewire, "get", url("tidewire", file), "-o", to, "--quiet", ...more],
];

/** `window`: what may be under way, in bytes, where it is known beforehand. */
const ways = {
  "vsftpd + curl": {
    needs: () => vsftpd() && installed("curl"),
    command: (file, to) => ["curl", "-sS", "-o", to, `ftp://${host}/${file}`],
  },
  "in.tftpd + curl, blksize 512": {
    needs: () => installed("in.tftpd") && installed("curl"),
    command: (file, to) => ["curl", "-sS", "-o", to, url("in.tftpd", file)],
    window: () => 512,
  },
  "atftpd + atftp, blksize 1428, windowsize 64": {
    needs: () => atftpd() && installed("atftp"),
    command: (file, to) => [
      ...["atftp", "--option", "blksize 1428", "--option", "windowsize 64"],
      ...["-g", "-r", file, "-l", to, host, `${ports.atftpd}`],
    ],
    window: () => 1428 * 64,
  },
  "tidewire, lock-step, blksize 512": {
    needs: () => true,
    command: (file, to) => ours(file, to, ["--no-options"]),
    window: () => 512,
  },
  "tidewire, automatic": {
    needs: () => true,
    command: (file, to) => ours(file, to, []),
    window: ({ agreed }) => agreed && agreed.blksize * agreed.windowsize,
  },
};

export async function measureFtp({ rounds, tell }) {
  const command = process.env.TIDEWIRE_LAB;
  const skipped = (reason) => {
    tell(`FTP against TFTP is left out: ${reason}`);
    return { skipped: reason };
  };
  if (!command) return skipped("TIDEWIRE_LAB does not name the command that makes links.");
  const check = spawnSync(command, ["check"], { encoding: "utf8", timeout: 30_000 });
  if (check.status !== 0) return skipped(check.stderr?.trim() || `${command} cannot be run.`);
  const lab = new Lab(command);
  const folder = mkdtempSync(join(tmpdir(), "tidewire-ftp-"));
  try {
    lab.run(["up"]);
    writeFiles(folder);
    const names = Object.keys(ways).filter((name) => ways[name].needs());
    for (const server of serverCommands(folder)) lab.start("a", server);
    await sleep(2000);
    const results = [];
    const hopeless = new Set(); // ran out of time once: a longer delay will not help
    for (const link of links) {
      const settings = { lab, link, folder, names, rounds, tell, hopeless };
      results.push(...(await measureLink(settings)));
    }
    return { results };
  } finally {
    lab.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One made link, under a name of its own. */
class Lab {
  #command;
  #name = `bench${process.pid}`;
  #children = [];

  constructor(command) {
    this.#command = command;
    process.once("exit", () => this.end());
  }

  line(side, command) {
    return [this.#command, "--name", this.#name, "exec", side, ...command];
  }

  run(args) {
    const all = ["--name", this.#name, ...args];
    const result = spawnSync(this.#command, all, { encoding: "utf8", timeout: 30_000 });
    if (result.status !== 0) throw new Error(`${args.join(" ")}: ${result.stderr?.trim()}`);
    return result.stdout;
  }

  /** A cable that was just taken away may still hold the devices for a moment. */
  async change(cable) {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.run(["up", ...cable]);
      } catch (error) {
        if (attempt === 10) throw error;
        await sleep(200);
      }
    }
  }

  start(side, command) {
    const [file, ...args] = this.line(side, command);
    const child = spawn(file, args, { stdio: "ignore", env: environment });
    child.on("error", () => {});
    this.#children.push(child);
  }

  end() {
    if (this.#command === undefined) return;
    for (const child of this.#children) child.kill("SIGTERM");
    const down = ["--name", this.#name, "down", "--kill"];
    spawnSync(this.#command, down, { timeout: 30_000 });
    this.#command = undefined;
  }
}

function writeFiles(folder) {
  chmodSync(folder, 0o755);
  for (const part of ["files", "empty"]) mkdirSync(join(folder, part), { mode: 0o755 });
  for (const [name, size] of Object.entries(sizes)) {
    const bytes = Uint8Array.from(
      { length: size },
      (_, index) => (index * 31 + (index >> 9)) & 255,
    );
    writeFileSync(join(folder, "files", name), bytes, { mode: 0o644 });
  }
  const settings = [
    ...["listen=YES", `listen_address=${host}`, "background=NO", "anonymous_enable=YES"],
    ...[`anon_root=${join(folder, "files")}`, "ftp_username=daemon", "nopriv_user=nobody"],
    ...[`secure_chroot_dir=${join(folder, "empty")}`, "seccomp_sandbox=NO", "xferlog_enable=NO"],
  ];
  writeFileSync(join(folder, "vsftpd.conf"), `${settings.join("\n")}\n`, { mode: 0o644 });
}

function serverCommands(folder) {
  const files = join(folder, "files");
  const bind = ["--port", `${ports.atftpd}`, "--bind-address", host, "--user", "root.root"];
  const here = `${host}:${ports.tidewire}`;
  return [
    [vsftpd(), join(folder, "vsftpd.conf")],
    [installed("in.tftpd"), "-L", "-a", `${host}:${ports["in.tftpd"]}`, "-s", files],
    [atftpd(), "--daemon", "--no-fork", "--logfile", "/dev/null", ...bind, files],
    [process.execPath, tidewire, "serve", files, "--listen", here, "--log", "off", "--allow-root"],
  ].filter(([program]) => program);
}

async function measureLink({ lab, link, folder, names, rounds, tell, hopeless }) {
  const results = [];
  for (const [file, size] of Object.entries(sizes)) {
    const expected = readFileSync(join(folder, "files", file));
    const measured = Object.fromEntries(names.map((name) => [name, { seconds: [], failures: 0 }]));
    for (let round = 1; round <= rounds; round++) {
      // Each round has other losses, the same for all ways.
      const cable = ["--rtt", `${link.rtt}`, "--loss", `${link.loss}`, "--seed", `${round}`];
      for (const name of names) {
        const of = measured[name];
        const key = `${name} ${size} ${link.loss}`;
        const least = leastSeconds(name, size, link);
        if (least > patienceSeconds) of.tooLong = least;
        else if (round === 1 && hopeless.has(key)) of.tooLong = patienceSeconds;
        const enough = of.seconds[0] > onceAfterSeconds || of.failures > 0;
        if (of.tooLong || (round > 1 && enough)) continue;
        await lab.change(cable);
        const text = await one({ lab, name, file, folder, expected, of });
        if (of.lastSeconds >= patienceSeconds) hopeless.add(key);
        tell(`rtt ${link.rtt} ms, loss ${link.loss} %, ${size} bytes, ${name}: ${text}`);
      }
    }
    const agreed = agreedBy(lab, file, folder);
    for (const of of Object.values(measured))
      if (of.seconds.length > 0) of.time = spread(of.seconds);
    results.push({ ...link, size, ways: measured, limits: limits(names, link, agreed) });
  }
  return results;
}

async function one({ lab, name, file, folder, expected, of }) {
  const to = join(folder, "fetched");
  rmSync(to, { force: true });
  const line = lab.line("b", ways[name].command(file, to));
  const run = await timed(line, { patienceMillis: patienceSeconds * 1000 });
  let whole = false;
  try {
    whole = run.status === 0 && readFileSync(to).equals(expected);
  } catch {
    // Nothing came.
  }
  of.lastSeconds = run.seconds;
  if (whole) of.seconds.push(run.seconds);
  else of.failures++;
  return whole ? `${run.seconds.toFixed(3)} s` : `failed after ${run.seconds.toFixed(1)} s`;
}

/** What no implementation of this way can beat. */
function leastSeconds(name, size, { rtt }) {
  const window = ways[name].window?.({});
  return window ? ((size / window) * rtt) / 1000 : 0;
}

/** blksize × windowsize / RTT, in bytes a second. */
function limits(names, { rtt }, agreed) {
  return Object.fromEntries(
    names.map((name) => {
      const window = ways[name].window?.({ agreed });
      return [name, window && window / (rtt / 1000)];
    }),
  );
}

/** What our client and our server make of the link by themselves. */
function agreedBy(lab, file, folder) {
  const to = join(folder, "fetched");
  const [program, ...args] = lab.line("b", ours(file, to, ["--json"]));
  const result = spawnSync(program, args, { encoding: "utf8", timeout: patienceSeconds * 1000 });
  try {
    const { blksize, windowsize } = JSON.parse(result.stdout);
    return { blksize, windowsize };
  } catch {
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
  const results = await measureFtp({ rounds: 3, tell: (line) => console.error(line) });
  console.log(ftpTables(results));
}
