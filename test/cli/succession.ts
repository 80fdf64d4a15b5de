// Runs servers that follow each other, each group of processes to be ended with its test.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { script } from "./command.ts";

export interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it and those that follow it have printed so far. */
  readonly output: () => string;
  readonly printed: (pattern: RegExp) => Promise<RegExpMatchArray>;
  readonly ended: Promise<{ readonly status: number | null; readonly signal: string | null }>;
  /** Nobody writes any more. */
  readonly closed: Promise<unknown>;
}

export function start(t: TestContext, args: readonly string[]): Promise<Running> {
  const where = ["serve", "--listen", "127.0.0.1", "--port", "0"];
  // A group of its own, so that whatever it starts can be ended with it.
  return started(t, spawn(process.execPath, [script, ...where, ...args], { detached: true }));
}

export async function started(t: TestContext, child: ChildProcess): Promise<Running> {
  const ended = once(child, "exit").then(([status, signal]) => ({ status, signal }));
  const closed = once(child, "close");
  let output = "";
  const more = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      for (const look of more) look();
    });
  }
  t.after(async () => {
    if (child.exitCode === null || isGroup(child.pid)) endGroup(child.pid);
    await closed;
  });
  const printed = (pattern: RegExp): Promise<RegExpMatchArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = output.match(pattern);
        if (!match) return;
        more.delete(look);
        resolve(match);
      };
      more.add(look);
      look();
      void closed.then(() => reject(new Error(`never printed ${pattern}:\n${output}`)));
    });
  const port = (await printed(/(?:UDP port |"port":)(\d+)/))[1];
  const url = `tftp://127.0.0.1:${port}`;
  return { child, url, output: () => output, printed, ended, closed };
}

export interface Next {
  readonly pid: number;
  /** How many of its UDP sockets have the server's port. */
  readonly sockets: () => number;
  readonly stop: () => Promise<void>;
}

/** Sends the signal, and resolves when another process serves. */
export async function handOver(
  old: Running,
  said = / here\./,
  from = old.child.pid,
): Promise<Next> {
  const count = [...old.output().matchAll(/Process \d+ serves/g)].length;
  process.kill(from as number, "SIGUSR2");
  const last = `(?:Process \\d+ serves.*){${count}}Process (\\d+) serves from now on; .*`;
  const pid = Number((await old.printed(new RegExp(last + said.source, "s")))[1]);
  return {
    pid,
    sockets: () => socketsOf(pid, new URL(old.url).port),
    stop: async () => {
      process.kill(pid, "SIGTERM");
      await old.closed;
    },
  };
}

function socketsOf(pid: number, port: string): number {
  const folder = `/proc/${pid}/fd`;
  const links = new Set(readdirSync(folder).map((name) => linkOf(join(folder, name))));
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/udp", "latin1").split("\n");
  const inodes = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, at]) => at?.endsWith(hex));
  return inodes.filter((fields) => links.has(`socket:[${fields[9]}]`)).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function isGroup(pid: number | undefined): boolean {
  try {
    return process.kill(-(pid as number), 0);
  } catch {
    return false;
  }
}

function endGroup(pid: number | undefined): void {
  process.kill(-(pid as number), "SIGKILL");
}

/** Content whose second half comes when the gate is open. */
export async function* trickle(gate: Promise<unknown>): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode("first ");
  await gate;
  yield new TextEncoder().encode("last");
}

export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
