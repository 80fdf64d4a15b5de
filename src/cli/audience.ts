// All that hears what a server does: its log, hooks and audit, and beside them the page, metrics
// and captures. It must not know how a server is run.

import type { Server, ServerEvent, TftpError } from "../index.ts";
import type { PageUpload } from "../web/files.ts";
import type { Audit } from "./audit.ts";
import { type Hooks, hooksFor } from "./hooks.ts";
import { type Logging, loggingFor } from "./logging.ts";
import type { Plan } from "./plan.ts";
import { type Account, explainLostRight } from "./privileges.ts";
import type { ServeFlags } from "./serve-options.ts";
import { type Watching, watchingFor } from "./watching.ts";

/** Throws TftpError for what cannot be written or shown. */
export async function audienceFor(plan: Plan): Promise<Audience> {
  const { flags } = plan.settings;
  const stage: Stage = {};
  const logging = await loggingFor(flags, () => stage.server?.snapshot() ?? []);
  const onProblem = (error: TftpError): void => {
    stage.watching?.handleEvent({ kind: "problem", error });
    logging.log({ kind: "problem", error });
  };
  const hooks = hooksFor(flags, onProblem);
  const audit = await auditFor(flags, onProblem);
  const onUpload = (upload: PageUpload): void => {
    logging.log.pageUpload(upload);
    hooks.pageUpload(upload);
    audit?.handlePageUpload(upload);
  };
  const { parts, left } = plan;
  const watching = await watchingFor(flags, {
    ...{ parts, onProblem, onUpload },
    pageAt: (address) => left?.pageAt(address),
  });
  stage.watching = watching;
  const quiet = (flags.log ?? "pretty") !== "json";
  return new Audience({ stage, logging, onProblem, hooks, audit, watching, quiet });
}

/** Those that come when others ask for them already. */
interface Stage {
  /** Whose running transfers the log shows. */
  server?: Server;
  watching?: Watching | undefined;
}

interface AudienceParts {
  readonly stage: Stage;
  readonly logging: Logging;
  readonly onProblem: (error: TftpError) => void;
  readonly hooks: Hooks;
  readonly audit: Audit | undefined;
  readonly watching: Watching | undefined;
  /** The first addresses are told in other words than those of the log. */
  readonly quiet: boolean;
}

export class Audience {
  readonly #parts: AudienceParts;
  #quiet: boolean;
  #account: Account | undefined;

  constructor(parts: AudienceParts) {
    this.#parts = parts;
    this.#quiet = parts.quiet;
  }

  get watching(): Watching | undefined {
    return this.#parts.watching;
  }

  get onProblem(): (error: TftpError) => void {
    return this.#parts.onProblem;
  }

  handleEvent(event: ServerEvent): void {
    const { watching, hooks, audit, logging } = this.#parts;
    watching?.handleEvent(event);
    hooks(event);
    audit?.handleEvent(event);
    if (this.#quiet && event.kind === "listening") return;
    logging.log(this.#account ? explainLostRight(event, this.#account) : event);
  }

  /** The server is there: the log shows what runs. */
  attend(server: Server): void {
    this.#parts.stage.server = server;
  }

  /** Root was given up for this account: what it may not do is told so. */
  runsAs(account: Account | undefined): void {
    this.#account = account;
  }

  /** The first words about the server: where the log tells all of it, the lines alone; none where
   * another worker says `start`. */
  announce(start: string | undefined, lines: readonly string[]): void {
    const { name } = this.#account ?? {};
    const root = name === undefined ? [] : [`Root is given up: this runs as ${name}.`];
    if (!this.#quiet) for (const line of lines) console.error(line);
    else if (start !== undefined) console.log([start, ...root, ...lines].join("\n"));
    this.#quiet = false;
  }

  /** Hooks that run, or wait to. */
  get hooksLeft(): number {
    return this.#parts.hooks.left();
  }

  /** Takes the bars away, for whoever else wants to write. */
  clear(): void {
    this.#parts.logging.clear();
  }

  /** Files may have been moved away. */
  reopen(): void {
    this.clear();
    this.#parts.audit?.reopen();
  }

  stopping(): void {
    this.#parts.watching?.stopping();
    this.clear();
  }

  /** Somebody else shows what runs, and answers for it; what runs here is still heard. */
  followed(): void {
    delete this.#parts.stage.server;
    this.clear();
    void this.#parts.watching?.closePages();
  }

  async close(): Promise<void> {
    this.#parts.logging.log.flush();
    await this.#parts.watching?.close();
  }
}

async function auditFor(
  { audit }: ServeFlags,
  onProblem: (error: TftpError) => void,
): Promise<Audit | undefined> {
  if (audit === undefined) return undefined;
  const { Audit } = await import("./audit.ts");
  return new Audit(audit, onProblem);
}
