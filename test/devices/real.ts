// The same scripts over loopback: ports of the system, real time, and foreign servers on port 69.
// To be run in a network namespace of its own (scripts/devices.mjs).

import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { get } from "../../src/index.ts";
import type { Address } from "../../src/ports.ts";
import { find, type Peer } from "../interop/peers.ts";
import type { Port, Stage } from "./line.ts";

/** Nobody wants to sit through a device's minutes: real ones are cut to this. */
const longestMillis = 12_000;
const longestPauseMillis = 4000;

export class RealStage implements Stage {
  readonly server: Address;
  readonly foreign: boolean;
  readonly realTime = true;
  readonly longestSilenceMillis = 2500;
  readonly #t: TestContext;

  constructor(t: TestContext, server: Address, foreign: boolean) {
    this.foreign = foreign;
    this.#t = t;
    this.server = server;
  }

  async port(): Promise<Port> {
    const socket = createSocket("udp4");
    await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
    this.#t.after(() => new Promise<void>((closed) => socket.close(() => closed())));
    return new RealPort(socket);
  }

  pause(millis: number): Promise<void> {
    return new Promise((done) => setTimeout(done, Math.min(millis, longestPauseMillis)));
  }
}

class RealPort implements Port {
  readonly address: Address;
  readonly #socket: Socket;
  readonly #arrived: { bytes: Buffer; from: Address }[] = [];
  #onArrival: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = { host: address, port };
    socket.on("message", (bytes, { address: host, port }) => {
      this.#arrived.push({ bytes, from: { host, port } });
      this.#onArrival();
    });
  }

  send(datagram: Uint8Array, to: Address): Promise<void> {
    return new Promise((sent) => this.#socket.send(datagram, to.port, to.host, () => sent()));
  }

  take(withinMillis: number): Promise<{ bytes: Buffer; from: Address } | undefined> {
    return new Promise((resolve) => {
      const take = (): void => {
        clearTimeout(timer);
        this.#onArrival = () => {};
        resolve(this.#arrived.shift());
      };
      const timer = setTimeout(take, Math.min(withinMillis, longestMillis));
      this.#onArrival = take;
      if (this.#arrived.length > 0) take();
    });
  }
}

/** in.tftpd, atftpd or dnsmasq on 127.0.0.1, port 69, with uploads where it can. */
export async function startForeign(
  t: TestContext,
  name: string,
  root: string,
  blksizeMax: number | undefined,
): Promise<void> {
  const program = find(name as Peer);
  const args = argumentsOf(name, root, blksizeMax);
  if (!program || !args) throw new Error(`${name} is not installed here`);
  // A group of its own: in.tftpd leaves processes behind that outlive it by a minute.
  const child = spawn(program, args, { stdio: "ignore", detached: true });
  const ended = once(child, "exit");
  t.after(async () => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await ended;
  });
  const patience = { plain: true, timeoutMillis: 100, retries: 0 };
  const deadline = performance.now() + 15_000;
  for (;;) {
    try {
      await get("tftp://127.0.0.1/ready", patience).bytes();
      return;
    } catch (cause) {
      if (performance.now() > deadline) throw new Error(`${name} does not answer`, { cause });
    }
  }
}

function argumentsOf(
  name: string,
  root: string,
  blksizeMax: number | undefined,
): string[] | undefined {
  const block = (flag: string): string[] => (blksizeMax ? [flag, `${blksizeMax}`] : []);
  switch (name) {
    case "in.tftpd": {
      const user = ["--user", "root", "--permissive"];
      const where = ["--foreground", "--address", "127.0.0.1:69", "--create", "--secure"];
      return [...where, ...user, ...block("--blocksize"), root];
    }
    case "atftpd": {
      const where = ["--daemon", "--no-fork", "--logfile", "-", "--bind-address", "127.0.0.1"];
      return [...where, "--port", "69", "--user", "root", "--group", "root", root];
    }
    case "dnsmasq": {
      const plain = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root"];
      const where = ["--pid-file=", "--listen-address=127.0.0.1", "--bind-interfaces"];
      return [...plain, ...where, "--enable-tftp", `--tftp-root=${root}`];
    }
    default:
      return undefined;
  }
}
