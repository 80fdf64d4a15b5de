// `--audit FILE`: who brought what. A JSON object for each upload, refused and failed ones too,
// appended to a file that this never shortens.

import { pino } from "pino";
import { type ServerEvent, TftpError } from "../index.ts";
import type { PageUpload } from "../web/files.ts";
import { systemCode } from "./failure.ts";
import { type LineFile, lineFile } from "./line-file.ts";
import { visibleLine } from "./visible.ts";
import { workerNumber } from "./worker.ts";

export class Audit {
  readonly #path: string;
  readonly #file: LineFile;
  readonly #write: (entry: object) => void;
  readonly #onProblem: (error: TftpError) => void;

  /** Throws TftpError STORAGE where the file cannot be opened. */
  constructor(path: string, onProblem: (error: TftpError) => void) {
    this.#path = path;
    this.#onProblem = onProblem;
    const what = `the audit ${path} cannot be written`;
    try {
      this.#file = lineFile(path, (cause) => onProblem(trouble(what, cause)));
    } catch (cause) {
      // The log tells the code of a problem by itself.
      throw trouble(`${what} (${systemCode(cause)})`, cause);
    }
    const settings = {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: () => ({ event: "upload" }) },
    };
    const to = { write: (line: string) => this.#file.write(visibleLine(line)) };
    const logger = pino(settings, to);
    const worker = workerNumber === undefined ? {} : { worker: workerNumber };
    this.#write = (entry) => logger.info({ ...worker, ...entry });
  }

  handleEvent(event: ServerEvent): void {
    if (event.kind === "ended" && event.transfer.op === "wrq") {
      const { ending, error, transfer } = event;
      const { id, client, filename, bytes, sha256 } = transfer;
      this.#write({
        ...{ id, client: client.host, clientPort: client.port, via: "tftp", file: filename, bytes },
        ...{ sha256: sha256 ?? null, outcome: ending, error: error?.code ?? null },
      });
    } else if (event.kind === "refused" && event.request.op === "wrq") {
      const { client, filename } = event.request;
      this.#write({
        ...{ id: null, client: client.host, clientPort: client.port, via: "tftp", file: filename },
        ...{ bytes: 0, sha256: null, outcome: "refused", error: event.error.code },
      });
    }
  }

  handlePageUpload({ client, name, bytes, sha256, error }: PageUpload): void {
    this.#write({
      ...{ id: null, client: client.host, clientPort: client.port, via: "page", file: name, bytes },
      sha256: sha256 ?? null,
      outcome: error ? "failed" : "completed",
      error: error?.code ?? null,
    });
  }

  /** After the file was moved away. */
  reopen(): void {
    try {
      this.#file.reopen();
    } catch (cause) {
      const message = `the audit ${this.#path} cannot be opened anew, it goes on in the old file`;
      const hint = "Have the new file made for the account of the server, or name another one.";
      this.#onProblem(new TftpError("STORAGE", message, { hint, cause }));
    }
  }
}

function trouble(message: string, cause: unknown): TftpError {
  const hint =
    systemCode(cause) === "ENXIO"
      ? "Nobody reads from it; start its reader first, or name a file."
      : "Name a file in a folder that can be written, with room left.";
  return new TftpError("STORAGE", message, { hint, cause });
}
