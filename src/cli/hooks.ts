// Commands that run after transfers: no shell, the facts in the environment, a time limit, and a
// queue with an end. A hook that fails is a problem of this machine and none of the transfer.

import { type ChildProcess, spawn } from "node:child_process";
import type { Command } from "commander";
import { type ServerEvent, TftpError, type TransferInfo } from "../index.ts";
import { opOf } from "../observe/op.ts";
import type { PageUpload } from "../web/files.ts";
import { wrongValue } from "./options.ts";
import { visibleName } from "./visible.ts";
import { transferNumber } from "./worker.ts";

export interface HookFlags {
  /** A program and its arguments. */
  readonly onUpload?: readonly string[];
  readonly onDownload?: readonly string[];
}

export function addHookOptions(command: Command): void {
  command
    .option(
      "--on-upload <PROGRAM>",
      "run after each upload; repeat the option for arguments",
      wordsOf("--on-upload"),
    )
    .option("--on-download <PROGRAM>", "the same after each download", wordsOf("--on-download"));
}

/** An argument may be empty, a program not. */
function wordsOf(option: string): (word: string, before?: readonly string[]) => string[] {
  return (word, before = []) => {
    if (word !== "" || before.length > 0) return [...before, word];
    throw wrongValue(option, word, "Name a program.");
  };
}

export interface HookLimits {
  readonly atOnceMax: number;
  readonly queueMax: number;
  readonly timeMillisMax: number;
}

const usual: HookLimits = { atOnceMax: 4, queueMax: 1000, timeMillisMax: 60_000 };

interface Job {
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly timeMillisMax: number;
}

/** What is queued still runs when the server has closed. */
export interface Hooks {
  (event: ServerEvent): void;
  pageUpload(upload: PageUpload): void;
  /** How many run, or wait to. */
  left(): number;
}

export function hooksFor(
  { onUpload, onDownload }: HookFlags,
  onProblem: (error: TftpError) => void,
  { atOnceMax, queueMax, timeMillisMax }: HookLimits = usual,
): Hooks {
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
  const add = (done: Done, ending: string): void => {
    const words = done.op === "wrq" ? onUpload : onDownload;
    if (!words) return;
    if (queue.length >= queueMax) onProblem(leftOut(words, done, queueMax));
    else queue.push({ words, environment: factsOf(done, ending), timeMillisMax });
    next();
  };
  const hear = (event: ServerEvent): void => {
    if (event.kind !== "ended") return;
    const { ending, transfer } = event;
    if (ending === "completed" || ending === "unconfirmed") add(transfer, ending);
  };
  const pageUpload = (upload: PageUpload): void => {
    if (upload.error) return;
    add({ ...upload, op: "wrq", filename: upload.name }, "completed");
  };
  return Object.assign(hear, { pageUpload, left: () => running + queue.length });
}

/** What came to its end; through the page it has no number and no family. */
type Done = Pick<TransferInfo, "op" | "filename" | "client" | "bytes" | "durationMillis"> &
  Partial<Pick<TransferInfo, "id" | "sha256" | "family">>;

function run(job: Job, onDone: (failure?: TftpError) => void): void {
  const { words, timeMillisMax } = job;
  let isDone = false;
  const done = (what?: string, cause?: unknown): void => {
    clearTimeout(patience);
    process.off("exit", kill);
    if (!isDone) onDone(what === undefined ? undefined : trouble(words, what, cause));
    isDone = true;
  };
  let child: ChildProcess | undefined;
  const kill = (): void => {
    if (child) endWhole(child);
  };
  const patience = setTimeout(() => {
    done(`was ended, it took longer than ${timeMillisMax / 1000} s`);
    kill();
  }, timeMillisMax);
  // Nobody would be left to end it.
  process.on("exit", kill);
  try {
    child = start(job);
    child.on("error", (cause) => done("cannot be run", cause));
    child.on("exit", (status, signal) => {
      if (status === 0) done();
      else done(signal ? `was ended by ${signal}` : `ended with status ${status}`);
    });
  } catch (cause) {
    done("cannot be run", cause); // no memory, for one
  }
}

const hasGroups = process.platform !== "win32";

/** In a group of its own: a terminal does not interrupt it, and what it starts ends with it. */
function start({ words, environment }: Job): ChildProcess {
  const [program = "", ...args] = words;
  const env = { ...process.env, ...environment };
  delete env.NOTIFY_SOCKET; // it is no part of the service that systemd asks
  return spawn(program, args, { env, stdio: "ignore", detached: hasGroups, windowsHide: true });
}

function endWhole(child: ChildProcess): void {
  try {
    if (hasGroups && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** The name is the client's own: a hook must not hand it to a shell. */
function factsOf(done: Done, ending: string): NodeJS.ProcessEnv {
  const { id, filename, client, bytes, durationMillis, sha256, family } = done;
  return {
    TIDEWIRE_ID: id === undefined ? "" : transferNumber(id),
    TIDEWIRE_OP: opOf(done),
    TIDEWIRE_FILE: filename,
    TIDEWIRE_CLIENT: client.host,
    TIDEWIRE_BYTES: String(bytes),
    TIDEWIRE_MILLIS: String(Math.round(durationMillis)),
    TIDEWIRE_OUTCOME: ending,
    TIDEWIRE_SHA256: sha256 ?? "",
    TIDEWIRE_FAMILY: family ?? "",
  };
}

/** Whoever reads this can still do by hand what the hook was to do. */
function leftOut([program]: readonly string[], done: Done, waiting: number): TftpError {
  const { filename, client } = done;
  const what = `${opOf(done)} ${visibleName(filename)} of ${client.host}`;
  return new TftpError("STORAGE", `the hook ${program} is left out for ${what}, ${waiting} wait`, {
    hint: "Make it faster: let it note what is to be done, and do that elsewhere.",
  });
}

function trouble([program]: readonly string[], what: string, cause?: unknown): TftpError {
  const hint = `Run it by hand; it has ${usual.timeMillisMax / 1000} s and no output.`;
  return new TftpError("STORAGE", `the hook ${program} ${what}`, {
    hint,
    ...(cause ? { cause } : {}),
  });
}
