// The log that was asked for, with the place that it goes to. What is not asked for is not loaded.

import type { TransferInfo } from "../index.ts";
import { systemCode } from "./failure.ts";
import type { JsonLog } from "./json-log.ts";
import { logOutput } from "./live-lines.ts";
import { type LogForm, type ServerLog, serverLog } from "./log.ts";
import { painter } from "./paint.ts";
import { workerNumber } from "./worker.ts";

export interface Logging {
  readonly log: ServerLog;
  /** Takes the bars away, for whoever else wants to write. */
  clear(): void;
}

interface LogFlags {
  readonly log?: LogForm;
  readonly verbose?: boolean;
}

export async function loggingFor(
  { log: form = "pretty", verbose = false }: LogFlags,
  snapshot: () => readonly TransferInfo[],
): Promise<Logging> {
  if (form === "pretty") {
    const output = logOutput(workerNumber === undefined, snapshot);
    const write = (line: string): void => output.write(line);
    const log = serverLog({ verbose, paint: painter(process.stdout), write });
    return { log, clear: () => output.clear() };
  }
  const log = form === "json" ? await jsonLines(verbose) : silent();
  return { log: Object.assign(log, { flush: () => {} }), clear: () => {} };
}

function silent(): JsonLog {
  return Object.assign(() => {}, { pageUpload: () => {} });
}

async function jsonLines(verbose: boolean): Promise<JsonLog> {
  const [{ jsonLog }, { lineFile }] = await Promise.all([
    import("./json-log.ts"),
    import("./line-file.ts"),
  ]);
  const to = lineFile(process.stdout.fd, (error) => {
    console.error(`tidewire: the log cannot be written (${systemCode(error)}).`);
  });
  return jsonLog({ verbose, worker: workerNumber, to });
}
