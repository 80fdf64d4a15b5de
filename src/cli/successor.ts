// The process that is to follow this one, from its start until it serves. It must not know what is
// handed over.

import type { ChildProcess } from "node:child_process";
import { TftpError } from "../index.ts";
import { ProcessLink } from "./process-link.ts";
import { serving } from "./worker.ts";

const startMillisMax = 30_000;

export class Successor {
  readonly link: ProcessLink;
  /** This process has none any more. */
  hasSockets = false;
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  readonly #serves: Promise<void>;
  /** Rejects where it does not come to serve. */
  readonly #fails: Promise<never>;
  #isServing = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.link = new ProcessLink(child);
    this.#ready = new Promise((resolve) => {
      this.link.onMessage = ({ kind }) => kind === "ready" && resolve();
    });
    this.#serves = new Promise((resolve) => {
      child.on("message", (message) => message === serving && resolve());
    });
    this.#fails = this.#failure();
    this.#fails.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Resolves when it lacks nothing but the sockets. Throws TftpError NETWORK. */
  ready(): Promise<void> {
    return Promise.race([this.#ready, this.#fails]);
  }

  /** Resolves when it says that it serves; then it is on its own. Throws TftpError NETWORK. */
  async serves(): Promise<void> {
    await Promise.race([this.#serves, this.#fails]);
    this.#isServing = true;
    this.#child.unref();
    this.link.ref();
  }

  /** Ends it unless it serves. */
  cancel(): void {
    if (!this.#isServing) this.#child.kill();
  }

  async #failure(): Promise<never> {
    const { promise, reject } = withReject();
    const fails = (what: string, cause?: Error): void => {
      clearTimeout(patience);
      const told = this.hasSockets ? lost : trouble;
      reject(told(`the next process ${what}`, "What is wrong stands above.", cause));
    };
    const patience = setTimeout(() => {
      this.#child.kill("SIGKILL");
      fails(`did not serve within ${startMillisMax / 1000} s`);
    }, startMillisMax);
    void this.#serves.then(() => clearTimeout(patience));
    this.#child.once("error", (cause) => fails(`cannot be started (${cause.message})`, cause));
    this.#child.once("exit", (status, signal) => {
      fails(signal ? `was ended by ${signal}` : `ended with status ${status}`);
    });
    return promise;
  }
}

export function trouble(why: string, hint: string, cause?: Error): TftpError {
  return wrong(`nothing is handed over, ${why}; this process goes on serving`, hint, cause);
}

function lost(why: string, hint: string, cause?: Error): TftpError {
  return wrong(`nobody serves any more, ${why} with the sockets; this process ends`, hint, cause);
}

function wrong(message: string, hint: string, cause: Error | undefined): TftpError {
  return new TftpError("NETWORK", message, { hint, ...(cause ? { cause } : {}) });
}

function withReject(): { readonly promise: Promise<never>; reject(error: Error): void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  return { promise, reject };
}
