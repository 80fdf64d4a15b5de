// Commands that run after transfers: no shell, the facts in the environment, a time limit, and a
// queue with an end. A hook that fails is a problem of this machine and none of the transfer.

import { spawn } from "node:child_process";
import type { Command } from "commander";
import { type ServerEvent, TftpError, type TransferInfo } from "../index.ts";

export interface HookFlags {
  /** A program and its arguments. */
  readonly onUpload?: readonly string[];
  readonly onDownload?: readonly string[];
}

export function defineHooks(command: Command): void {
  const words = (word: string, before: readonly string[] = []): string[] => [...before, word];
  command
    .option("--on-upload <PROGRAM>", "run after each upload; repeat it for arguments", words)
    .option("--on-download <PROGRAM>", "the same after each download", words);
}

const atOnceMax = 4;
const queueMax = 1000;
const timeMillisMax = 60_000;

interface Job {
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** Takes events. What is queued still runs when the server has closed. */
export function hooksFor(
  { onUpload, onDownload }: HookFlags,
  onProblem: (error: TftpError) => void,
): (event: ServerEvent) => void {
  if (!onUpload && !onDownload) return () => {};
  const queue: Job[] = [];
  let running = 0;
  const next = (): void => {
    const job = running < atOnceMax ? queue.shift() : undefined;
    if (!job) return;
    running += 1;
    run(job, (failure) => {
      running -= 1;
      if (failure) onProblem(failure);
      next();
    });
  };
  return (event) => {
    if (event.kind !== "ended") return;
    const { ending, transfer } = event;
    if (ending !== "completed" && ending !== "unconfirmed") return;
    const words = transfer.op === "wrq" ? onUpload : onDownload;
    if (!words) return;
    if (queue.length >= queueMax) onProblem(trouble(words, "is left out: too many wait"));
    else queue.push({ words, environment: factsOf(transfer, ending) });
    next();
  };
}

function run({ words, environment }: Job, onDone: (failure?: TftpError) => void): void {
  const [program = "", ...args] = words;
  const env = { ...process.env, ...environment };
  delete env.NOTIFY_SOCKET; // it is no part of the service that systemd asks
  const limits = { timeout: timeMillisMax, killSignal: "SIGKILL" } as const;
  const child = spawn(program, args, { env, stdio: "ignore", ...limits });
  let isDone = false;
  const done = (failure?: TftpError): void => {
    if (!isDone) onDone(failure);
    isDone = true;
  };
  child.on("error", (cause) => done(trouble(words, "cannot be run", cause)));
  child.on("exit", (status, signal) => {
    if (status === 0) done();
    else done(trouble(words, signal ? `was ended by ${signal}` : `ended with status ${status}`));
  });
}

/** The name is the client's own: a hook must not hand it to a shell. */
function factsOf(transfer: TransferInfo, ending: string): NodeJS.ProcessEnv {
  const { id, op, filename, client, bytes, durationMillis, sha256, family } = transfer;
  return {
    TIDEWIRE_ID: String(id),
    TIDEWIRE_OP: op === "rrq" ? "get" : "put",
    TIDEWIRE_FILE: filename,
    TIDEWIRE_CLIENT: client.host,
    TIDEWIRE_BYTES: String(bytes),
    TIDEWIRE_MILLIS: String(Math.round(durationMillis)),
    TIDEWIRE_OUTCOME: ending,
    TIDEWIRE_SHA256: sha256 ?? "",
    TIDEWIRE_FAMILY: family ?? "",
  };
}

function trouble([program]: readonly string[], what: string, cause?: unknown): TftpError {
  const hint = `Run it by hand; it has ${timeMillisMax / 1000} s and no output.`;
  return new TftpError("STORAGE", `the hook ${program} ${what}`, {
    hint,
    ...(cause ? { cause } : {}),
  });
}
