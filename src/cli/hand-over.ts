// At SIGUSR2 this process starts the next one with its own listening sockets, serves until that one
// asks for them, and ends with its transfers. Where the next one fails before, nothing has changed.

import { type ChildProcess, spawn } from "node:child_process";
import type { Server as HttpServer } from "node:http";
import { type Server, TftpError } from "../index.ts";
import { type Estate, estateName } from "./heritage.ts";
import type { ServeFlags } from "./serve-options.ts";
import { Successor, trouble } from "./successor.ts";
import type { Watching } from "./watching.ts";

export interface Predecessor {
  readonly server: Server;
  readonly flags: ServeFlags;
  readonly watching: Watching | undefined;
  /** systemd has bound the sockets. */
  readonly activated: boolean;
  readonly onProblem: (error: TftpError) => void;
  readonly tell: (line: string) => void;
  /** The next one serves: what listens here is to be closed. */
  readonly onFollowed: () => void;
  /** Nobody serves: the next one had everything, and has failed. */
  readonly onLost: () => void;
}

/** Before them come standard input, output and error, and the channel. */
const firstDescriptor = 4;

export interface HandOver {
  /** Ends a process that is starting, and hands nothing over any more. */
  cancel(): void;
  /** Nothing runs here any more that the next one has to help with. */
  end(): void;
}

export function handOverAtSignal(own: Predecessor): HandOver {
  let next: Successor | undefined;
  let ends = false;
  const handOver = async (): Promise<void> => {
    if (next) return own.tell(`Process ${next.pid} follows already.`);
    if (ends) return own.tell("This process ends; nothing is handed over.");
    try {
      checkIfPossible(own);
      next = new Successor(start(own));
      await next.ready();
      next.hasSockets = true;
      await own.server.handOn(next.link);
      await next.serves();
      const left = own.server.snapshot().length;
      const rest = left === 1 ? "1 transfer ends" : `${left} transfers end`;
      own.tell(`Process ${next.pid} serves from now on; ${rest} here.`);
      own.onFollowed();
    } catch (thrown) {
      const isLost = next?.hasSockets;
      next = undefined;
      if (ends) return; // and the next one with it
      ends = isLost ?? false;
      own.onProblem(TftpError.from(thrown));
      if (isLost) own.onLost();
    }
  };
  const begin = (): void => void handOver();
  process.on("SIGUSR2", begin);
  const cancel = (): void => {
    ends = true;
    next?.cancel();
  };
  return { cancel, end: () => next?.link.close() };
}

/** The same program, as it is installed now. */
function start({ server, watching, activated }: Predecessor): ChildProcess {
  const { bound } = server;
  const pages = watching?.pages ?? [];
  const estate: Estate = {
    activated,
    sockets: bound.map((socket, at) => ({ ...socket, fd: firstDescriptor + at })),
    pages: pages.map(({ asked: { host, port } }, at) => {
      return { host, port, fd: firstDescriptor + bound.length + at };
    }),
  };
  const env: NodeJS.ProcessEnv = { ...process.env, [estateName]: JSON.stringify(estate) };
  delete env.WATCHDOG_PID; // systemd has named this process; the next one beats for itself
  const fds = [...bound.map(({ fd }) => fd), ...pages.map(({ server }) => descriptorOf(server))];
  return spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ["inherit", "inherit", "inherit", "ipc", ...fds],
    serialization: "advanced",
    env,
  });
}

/** Node's manual names the member (`server.listen(handle)`), its types do not. */
function descriptorOf(server: HttpServer): number | undefined {
  const { fd = -1 } = (server as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
  return fd < 0 ? undefined : fd;
}

function checkIfPossible({ server, flags, watching }: Predecessor): void {
  const hint = "Restart the service instead; clients ask again.";
  if (process.pid === 1) {
    throw trouble("process 1 of a container ends it", "Start another container instead.");
  }
  if ((flags.workers ?? 1) > 1) throw trouble("a worker has a share of the clients alone", hint);
  const pages = watching?.pages.map((page) => descriptorOf(page.server)) ?? [];
  if ([...server.bound.map(({ fd }) => fd), ...pages].includes(undefined)) {
    throw trouble("the system does not tell the descriptors of all sockets", hint);
  }
}
