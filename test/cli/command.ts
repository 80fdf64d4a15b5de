// Runs `tidewire` as a process, and servers for it to talk to. Everything ends with the test.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type ServeOptions, type Server, type ServerEvent, serve } from "../../src/index.ts";
import { type Printing, printing } from "./printed.ts";

export const script = fileURLToPath(new URL("../../../bin/tidewire.js", import.meta.url));

export interface Result {
  readonly status: number | null;
  /** Which ended it, if one did. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Surroundings {
  readonly cwd?: string;
  /** What it reads. Default: nothing. */
  readonly input?: string | Uint8Array;
  /** Its standard input does not end. */
  readonly inputStaysOpen?: boolean;
  readonly uid?: number;
  /** Beside our own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called when the process runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export async function tidewire(
  args: readonly string[],
  { cwd, input = "", inputStaysOpen, uid, env, onStart }: Surroundings = {},
): Promise<Result> {
  const child = spawn(process.execPath, [script, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: { ...environment(), ...env },
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => {}); // it may end before it has read everything
  child.stdin.write(input);
  if (!inputStaysOpen) child.stdin.end();
  onStart?.(child);
  const [status, signal] = await once(child, "close");
  return {
    status,
    signal,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
  };
}

/** It failed with this status, and said why and what to do, in sentences and without a stack. */
export function failsWith(result: Result, status: 1 | 2, message: RegExp): void {
  assert.match(result.stderr, message);
  assert.match(result.stderr, /^tidewire: \S.*[.!?]\nHint: \S.*[.!?]\n$/);
  assert.doesNotMatch(result.stderr, /^\s+at /m);
  assert.equal(result.status, status);
}

export interface Serving extends Printing {
  readonly child: ChildProcess;
  /** `tftp://127.0.0.1:PORT` */
  readonly url: string;
}

/** `tidewire serve` on a free port of the loopback address. */
export async function serving(t: TestContext, args: readonly string[]): Promise<Serving> {
  const where = ["serve", "--listen", "127.0.0.1", "--port", "0"];
  const child = spawn(process.execPath, [script, ...where, ...args], { env: environment() });
  const prints = printing(t, child);
  const [, pretty, json] = await prints.printed(/UDP port (\d+) |"port":(\d+)/);
  return { child, url: `tftp://127.0.0.1:${pretty ?? json}`, ...prints };
}

export interface LibraryServer {
  readonly url: string;
  readonly server: Server;
  /** Resolves with the next event of this kind, or the first that came before. */
  readonly event: <Kind extends ServerEvent["kind"]>(
    kind: Kind,
  ) => Promise<Extract<ServerEvent, { kind: Kind }>>;
}

/** A server in this process, where the command's counterpart has to misbehave. */
export async function libraryServer(
  t: TestContext,
  storage: ServeOptions["storage"],
): Promise<LibraryServer> {
  const events: ServerEvent[] = [];
  const waiting = new Set<() => void>();
  const server = await serve({
    storage,
    host: "127.0.0.1",
    port: 0,
    onEvent: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
  });
  t.after(() => server.close());
  return {
    url: `tftp://127.0.0.1:${server.address.port}`,
    server,
    event: (kind) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = events.find((event) => event.kind === kind);
          if (!found) return;
          waiting.delete(look);
          resolve(found as never);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** A UDP port that never answers. */
export async function mute(t: TestContext): Promise<{ url: string; asked: Promise<unknown> }> {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    url: `tftp://127.0.0.1:${socket.address().port}`,
    asked: once(socket, "message"),
  };
}

/** Is removed after the test. */
export async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tidewire-cli-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

function environment(): NodeJS.ProcessEnv {
  const { TIDEWIRE_DEBUG: _debug, FORCE_COLOR: _colour, ...rest } = process.env;
  return rest;
}
