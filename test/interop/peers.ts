// Foreign TFTP programs: where they are, how they are run, and how they end. They are found in the
// PATH; TIDEWIRE_ATFTPD names an atftpd elsewhere. What is missing is skipped, or fails the test
// when TIDEWIRE_PEERS=required.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";

export type Peer =
  | "tftp"
  | "in.tftpd"
  | "atftp"
  | "atftpd"
  | "dnsmasq"
  | "busybox"
  | "curl"
  | "tshark"
  | "chromium"
  | "unshare"
  | "ip"
  | "nft"
  | "nginx"
  | "grub-mkimage"
  | "qemu-system-arm"
  | "qemu-system-ppc64"
  | "qemu-system-x86_64";

const timeout = 90_000;

/** A test that needs a foreign program; `run` is given its path. */
export function testWith(
  peer: Peer,
  name: string,
  run: (t: TestContext, program: string) => Promise<void>,
): void {
  const program = find(peer);
  const missing = `${peer} is not installed here`;
  const required = process.env.TIDEWIRE_PEERS === "required";
  const skip = program === undefined && !required ? missing : false;
  test(name, { timeout, skip }, async (t) => {
    if (program === undefined) throw new Error(missing);
    await run(t, program);
  });
}

export function find(peer: Peer): string | undefined {
  const named = peer === "atftpd" ? process.env.TIDEWIRE_ATFTPD : undefined;
  if (named) return named;
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, peer)).find((path) => existsSync(path));
}

/** Runs a program to its end; what it printed. Throws when it fails or takes too long. */
export async function run(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
    ...(cwd === undefined ? {} : { cwd }),
  });
  let printed = "";
  child.stdout.on("data", (text) => (printed += text));
  child.stderr.on("data", (text) => (printed += text));
  const [status, signal] = await new Promise<[number | null, string | null]>((done, failed) => {
    child.once("error", failed).once("close", (...end) => done(end));
  });
  if (status === 0) return printed;
  throw new Error(`${program} ${args.join(" ")} ended with ${status ?? signal}: ${printed}`);
}

/** Starts a foreign server and waits until it answers; it is ended after the test. */
export async function start(
  t: TestContext,
  program: string,
  args: readonly string[],
  answers: () => Promise<unknown>,
): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  child.stdout.on("data", (text) => (printed += text));
  child.stderr.on("data", (text) => (printed += text));
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.once("error", (error) => (printed += error.message));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      await answers();
      return;
    } catch (cause) {
      const over = child.exitCode !== null || performance.now() > deadline;
      if (over) throw new Error(`${program} does not answer: ${printed}`, { cause });
    }
  }
}
