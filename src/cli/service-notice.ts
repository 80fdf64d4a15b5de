// Tells systemd how the service is: READY, RELOADING, STOPPING, and the heartbeat of its watchdog.
// Without NOTIFY_SOCKET nothing is done. It must not know what a server is.

import { execFile, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { endianness } from "node:os";

export interface ServiceNotice {
  /** Resolves when it is told. */
  ready(): Promise<void>;
  /** `ready` says that it is done. */
  reloading(): void;
  /** Also ends the heartbeat. */
  stopping(): void;
  /** Another process speaks from now on. */
  followed(): void;
}

type Send = (text: string) => Promise<void>;

/** Node has no datagram sockets of this kind: the C library's are used where koffi is installed,
 * else the command `systemd-notify`; a service is no worse for it where both are missing.
 * `isFollower`: systemd has started another process, which this one follows. */
export function serviceNotice(
  environment: NodeJS.ProcessEnv = process.env,
  isFollower = false,
): ServiceNotice {
  const path = environment.NOTIFY_SOCKET;
  if (!path) return { ready: async () => {}, reloading() {}, stopping() {}, followed() {} };
  const sendOut = sendDirectly(path) ?? sendByCommand;
  let isOver = false;
  // A command for each would overtake the one before: READY the RELOADING that it is to end.
  let turn = Promise.resolve();
  const send: Send = (text) => {
    turn = turn.then(() => (isOver ? undefined : sendOut(text)));
    return turn;
  };
  const heartbeat = beat(environment, send);
  if (isFollower) whenOrphaned(() => nameAgain(send));
  return {
    ready: () => send(isFollower ? `MAINPID=${process.pid}\nREADY=1` : "READY=1"),
    reloading: () => void send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    stopping() {
      clearInterval(heartbeat);
      void send("STOPPING=1");
    },
    followed() {
      clearInterval(heartbeat);
      isOver = true;
    },
  };
}

/** Twice as often as systemd wants it. An event loop that hangs does not beat. */
function beat(environment: NodeJS.ProcessEnv, send: Send): NodeJS.Timeout | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID } = environment;
  const millis = Number(WATCHDOG_USEC) / 1000 / 2;
  const isOurs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  if (!(millis >= 1) || !isOurs) return undefined;
  return setInterval(() => void send("WATCHDOG=1"), millis).unref();
}

/** Once the process before this one has ended, and systemd is the parent. */
function whenOrphaned(act: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    act();
  }, 250).unref();
}

/** systemd does not wait for a main process that is no child of its own: it kills it at `stop`. It
 * asks whose child one is only when another becomes the main process, so for a moment one does. */
function nameAgain(send: Send): void {
  const other = spawn("sleep", ["5"], { stdio: "ignore" });
  other.once("error", () => {}); // then it is as it was
  other.once("spawn", async () => {
    await send(`MAINPID=${other.pid}`);
    await send(`MAINPID=${process.pid}`);
  });
  other.unref();
}

/** Nothing that is told waits longer for what was told before. */
const sendMillisMax = 5000;

function sendByCommand(text: string): Promise<void> {
  // A service that systemd cannot hear goes on.
  return new Promise((done) => {
    execFile("systemd-notify", text.split("\n"), { timeout: sendMillisMax }, () => done());
  });
}

interface Koffi {
  load(library: null): { func(declaration: string): (...args: unknown[]) => number };
}

const unixFamily = 1;
/** SOCK_DGRAM and SOCK_CLOEXEC. */
const datagram = 2 | 0o2000000;
/** Nobody waits for a supervisor that does not read, nor dies of one that is gone. */
const dontWaitNoSignal = 0x40 | 0x4000;

function sendDirectly(path: string): Send | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const c = koffi.load(null);
    const sendto = c.func("long sendto(int, const void *, ulong, int, const void *, uint)");
    const fd = c.func("int socket(int, int, int)")(unixFamily, datagram, 0);
    if (fd < 0) return undefined;
    const address = unixAddress(path);
    return async (text) => {
      const bytes = Buffer.from(text);
      sendto(fd, bytes, bytes.length, dontWaitNoSignal, address, address.length);
    };
  } catch {
    return undefined; // not installed, or not made for this processor
  }
}

/** struct sockaddr_un. `@` begins the name of an abstract socket, which is no file. */
function unixAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  if (endianness() === "LE") family.writeUInt16LE(unixFamily);
  else family.writeUInt16BE(unixFamily);
  const isAbstract = path.startsWith("@");
  return Buffer.concat([family, Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`)]);
}
