// Runs the transfers of one command, one after the other, and tells how each goes: a bar on a
// terminal, then a line or a JSON object, or what went wrong. Knows not where the bytes come from
// or go to.

import { type PacketTap, TftpError, type TransferOptions, type TransferReport } from "../index.ts";
import { type Captured, capturing } from "./captured.ts";
import { errorFields, exitStatus, tellFailure } from "./failure.ts";
import { Interrupt, unlessStuck } from "./interrupt.ts";
import { namePath } from "./local-file.ts";
import { type TransferFlags, transferOptions } from "./options.ts";
import { painter } from "./paint.ts";
import { ProgressBar } from "./progress-bar.ts";
import { bytesText, durationText, rateText, speed } from "./units.ts";
import { visibleJson, visibleName } from "./visible.ts";

export interface Job {
  readonly op: "get" | "put";
  readonly url: string;
  /** The name on the server. */
  readonly file: string;
  /** A path of this machine, or `-`. */
  readonly path: string;
  readonly run: (options: RunOptions) => Promise<TransferReport>;
}

export type RunOptions = TransferOptions & { readonly tap?: PacketTap };

/** Resolves to the exit status. A transfer that fails does not stop those after it; a signal
 * does. */
export async function runAll(jobs: readonly Job[], flags: TransferFlags): Promise<number> {
  const paths = jobs.map(({ path }) => path).filter((path) => path !== "-");
  const captured = flags.capture === undefined ? undefined : await capturing(flags.capture, paths);
  const interrupt = new Interrupt();
  let worst = 0;
  try {
    for (const job of jobs) {
      worst = Math.max(worst, await runOne(job, flags, { ...captured, interrupt }));
      if (interrupt.status !== undefined) return interrupt.status;
    }
    return worst;
  } finally {
    interrupt.release();
    try {
      await captured?.write();
    } finally {
      if (worst !== 0) interrupt.leaveSoon();
    }
  }
}

interface Around extends Partial<Captured> {
  readonly interrupt: Interrupt;
}

async function runOne(job: Job, flags: TransferFlags, around: Around): Promise<number> {
  const { tap, interrupt } = around;
  const { maxTime } = flags;
  const late = maxTime === undefined ? undefined : AbortSignal.timeout(maxTime * 1000);
  const signal = late ? AbortSignal.any([interrupt.signal, late]) : interrupt.signal;
  const bar = showsBar(job, flags) ? new ProgressBar(nameOf(job), process.stderr) : undefined;
  try {
    const running = job.run({
      ...transferOptions(flags),
      ...(tap ? { tap } : {}),
      signal,
      ...(bar ? { onProgress: (progress) => bar.update(progress) } : {}),
    });
    const report = await unlessStuck(running, signal);
    bar?.clear();
    tellSuccess(job, report, flags);
    return 0;
  } catch (thrown) {
    bar?.clear();
    const error = explain(thrown, job, signal, interrupt.signal.aborted ? undefined : maxTime);
    const inJson = flags.json && error instanceof TftpError;
    if (inJson) printJson(job, { outcome: "failed", error: errorFields(error) });
    if (!inJson || job.path !== "-" || job.op === "put") tellFailure(error);
    return exitStatus(error);
  }
}

function showsBar({ op, path }: Job, { quiet }: TransferFlags): boolean {
  if (quiet || !process.stderr.isTTY || process.env.TERM === "dumb") return false;
  return !(op === "get" && path === "-" && process.stdout.isTTY);
}

function tellSuccess(job: Job, report: TransferReport, flags: TransferFlags): void {
  if (flags.verbose) process.stderr.write(`${details(report)}\n`);
  if (report.hint && !flags.quiet) process.stderr.write(`Hint: ${report.hint}\n`);
  if (flags.json) printJson(job, reportFields(report));
  else if (!flags.quiet && process.stderr.isTTY) {
    const { bytes, durationMillis } = report;
    const name = painter(process.stderr)("bold", visibleName(nameOf(job)));
    const rate = rateText(speed(bytes, durationMillis));
    process.stderr.write(
      `${name}  ${bytesText(bytes)} in ${durationText(durationMillis)} (${rate})\n`,
    );
  }
}

/** What there is on this machine after a get, on the other after a put. */
function nameOf({ op, path, file }: Job): string {
  return op === "get" && path !== "-" ? path : file;
}

function details(report: TransferReport): string {
  const { server, mode, blksize, windowsize, roundTripMillis, resent, duplicates } = report;
  const trip = roundTripMillis === undefined ? "not measured" : durationText(roundTripMillis);
  return [
    `server ${server.host} port ${server.port}, mode ${mode}`,
    `blksize ${blksize}, windowsize ${windowsize}`,
    `round trip ${trip}, ${resent} resent, ${duplicates} duplicates`,
  ].join("\n");
}

function explain(thrown: unknown, job: Job, signal: AbortSignal, maxTime?: number): unknown {
  // Whatever it was that gave way when all were told to stop.
  if (signal.aborted && thrown instanceof TftpError && thrown.origin === "local") {
    const got = job.op === "get";
    const what = got && job.path !== "-" ? `nothing was saved as ${job.path}` : "it is not whole";
    if (maxTime !== undefined) {
      const hint = "Allow more with --max-time, or see what keeps the other side.";
      const message = `not done after ${maxTime} s; ${what}`;
      return new TftpError("TIMED_OUT", message, { hint, cause: thrown });
    }
    const hint = "Run the command again: TFTP cannot go on where it stopped.";
    return new TftpError("ABORTED", `interrupted; ${what}`, { hint, cause: thrown });
  }
  return namePath(thrown, job.path, job.op === "get" ? "write" : "read");
}

function reportFields(report: TransferReport): object {
  return {
    server: report.server.host,
    mode: report.mode,
    bytes: report.bytes,
    size: report.size ?? null,
    millis: round(report.durationMillis),
    blksize: report.blksize,
    windowsize: report.windowsize,
    resent: report.resent,
    duplicates: report.duplicates,
    roundTripMillis: report.roundTripMillis === undefined ? null : round(report.roundTripMillis),
    ...(report.hint === undefined ? {} : { hint: report.hint }),
    outcome: "completed",
    error: null,
  };
}

/** On standard output, unless that is where the file goes. */
function printJson({ op, url, file, path }: Job, fields: object): void {
  const stream = op === "get" && path === "-" ? process.stderr : process.stdout;
  stream.write(`${visibleJson({ op, url, file, path, ...fields })}\n`);
}

function round(millis: number): number {
  return Math.round(millis * 1000) / 1000;
}
