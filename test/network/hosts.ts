// Networks of namespaces that a test makes for itself: hosts, what runs on them, and devices. All
// is ended and removed after the test. Where none can be made the test is skipped, or fails when
// TIDEWIRE_PEERS=required.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createRequire } from "node:module";
import { type TestContext, test } from "node:test";
import { script } from "../cli/command.ts";
import { find, type Peer, run } from "../interop/peers.ts";
import { Device, rrq } from "../server/device.ts";
import { ServerLog } from "./server-log.ts";

const timeout = 120_000;
const patienceMillis = 40_000;

export interface Plan {
  /** The names of the hosts. */
  readonly hosts: readonly string[];
  /** Shell commands, in which `$name` is the namespace of that host. */
  readonly setup: readonly string[];
  readonly programs?: readonly Peer[];
}

/** A server and a client with one cable between them. IPv6 addresses are usable at once. */
export function oneCable(mtu: number, ...more: readonly string[]): Plan {
  return {
    hosts: ["server", "client"],
    setup: [
      "for host in $server $client; do",
      "  ip netns exec $host sysctl -q net.ipv6.conf.default.accept_dad=0",
      "done",
      "ip link add eth0 netns $server type veth peer name eth0 netns $client",
      "ip -n $server address add 10.0.0.2/24 dev eth0",
      "ip -n $server address add fd00::2/64 dev eth0",
      "ip -n $client address add 10.0.0.1/24 dev eth0",
      "ip -n $client address add fd00::1/64 dev eth0",
      `for host in $server $client; do ip -n $host link set eth0 mtu ${mtu} up; done`,
      ...more,
    ],
  };
}

/** A test in a network of its own. */
export function testInNetwork(
  name: string,
  plan: Plan,
  body: (net: TestNetwork, t: TestContext) => Promise<void>,
): void {
  const missing = whatIsMissing(plan);
  const required = process.env.TIDEWIRE_PEERS === "required";
  test(name, { timeout, skip: required ? false : (missing ?? false) }, async (t) => {
    if (missing) throw new Error(missing);
    const net = new TestNetwork(plan.hosts);
    t.after(() => net.remove());
    await net.make(plan.setup);
    await body(net, t);
  });
}

function whatIsMissing({ setup, programs = [] }: Plan): string | undefined {
  const wanted: Peer[] = setup.some((line) => line.includes("nft")) ? ["nft"] : [];
  const absent = [...wanted, ...programs].find((program) => find(program) === undefined);
  return absent ? `${absent} is not installed here` : noNamespace();
}

let reason: string | undefined;
let tried = false;

/** Undefined when this user may make one; else why not. */
function noNamespace(): string | undefined {
  if (!tried) reason = tryNamespace();
  tried = true;
  return reason;
}

function tryNamespace(): string | undefined {
  const name = `tidewire-may-${process.pid}`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "pipe" });
    execFileSync("ip", ["netns", "delete", name], { stdio: "pipe" });
    kernel();
    return undefined;
  } catch {
    return "needs root, `ip netns` and koffi";
  }
}

interface Koffi {
  load(library: null): { func(declaration: string): (...args: unknown[]) => number };
}

interface Kernel {
  readonly open: (path: string, flags: number) => number;
  readonly setns: (fd: number, kind: number) => number;
  readonly close: (fd: number) => number;
}

function kernel(): Kernel {
  const c = (createRequire(import.meta.url)("koffi") as Koffi).load(null);
  return {
    open: c.func("int open(const char *, int)"),
    setns: c.func("int setns(int, int)"),
    close: c.func("int close(int)"),
  };
}

let count = 0;

export class TestNetwork {
  readonly #prefix: string;
  readonly #hosts: readonly string[];
  readonly #running = new Set<ChildProcess>();

  constructor(hosts: readonly string[]) {
    count += 1;
    this.#prefix = `tidewire-${process.pid}-${count}-`;
    this.#hosts = hosts;
  }

  async make(setup: readonly string[]): Promise<void> {
    const hosts = this.#hosts.map((host) => `ip netns add $${host}\nip -n $${host} link set lo up`);
    await this.shell([...hosts, ...setup]);
  }

  /** Ends what runs, then takes the hosts away. */
  async remove(): Promise<void> {
    for (const child of this.#running) child.kill("SIGKILL");
    await Promise.all(
      [...this.#running].map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")),
    );
    const hosts = this.#hosts.map((host) => `ip netns delete $${host} 2>/dev/null || :`);
    await this.shell(hosts);
  }

  async shell(lines: readonly string[]): Promise<string> {
    const names = this.#hosts.map((host) => `${host}=${this.namespace(host)}`);
    return run("sh", ["-ec", [...names, ...lines].join("\n")]);
  }

  namespace(host: string): string {
    return this.#prefix + host;
  }

  /** Runs a program on a host to its end; what it printed. Throws when it fails. */
  run(host: string, program: string, ...args: readonly string[]): Promise<string> {
    return run("ip", ["netns", "exec", this.namespace(host), program, ...args]);
  }

  /** Our own command line. */
  tidewire(host: string, ...args: readonly string[]): Promise<string> {
    return this.run(host, process.execPath, script, ...args);
  }

  /** Starts a program and waits until something is bound to this UDP port. */
  async start(host: string, port: number, program: string, ...args: string[]): Promise<void> {
    const child = this.spawn(host, program, args);
    let printed = "";
    child.stdout?.on("data", (text) => (printed += text));
    child.stderr?.on("data", (text) => (printed += text));
    const deadline = performance.now() + patienceMillis;
    while (!(await this.#isBound(host, "", port))) {
      if (performance.now() > deadline || child.exitCode !== null) {
        throw new Error(`${program} does not listen: ${printed}`);
      }
    }
  }

  /** tftp-hpa's server, for a plan that names it among its programs. */
  startTftpd(host: string, address: string, root: string, ...more: string[]): Promise<void> {
    const flags = ["--foreground", "--secure", "--user", "root", "--permissive"];
    const program = find("in.tftpd") ?? "";
    return this.start(host, 69, program, ...flags, "--address", address, ...more, root);
  }

  /** Our server, which serves until the test is over. */
  async serve(host: string, ...args: readonly string[]): Promise<ServerLog> {
    const flags = [script, "serve", "--log", "json", "--verbose", "--allow-root", ...args];
    const told = new ServerLog(this.spawn(host, process.execPath, flags));
    const { address } = await told.next("listening");
    await this.#answers(host, String(address));
    return told;
  }

  /** It listens before it answers: nothing is done with rights that it may still give up. */
  async #answers(host: string, address: string): Promise<void> {
    const socket = this.within(host, () => {
      const type = address.includes(":") ? "udp6" : "udp4";
      const asking = createSocket({ type, lookup: (name, _, done) => done(null, name, 4) });
      return asking.bind({ port: 0, address: type === "udp6" ? "::" : "0.0.0.0" });
    });
    const answered = once(socket, "message", { signal: AbortSignal.timeout(patienceMillis) });
    const ask = (): void => socket.send(rrq("is anybody there?"), 69, address);
    const asking = setInterval(ask, 50);
    ask();
    await answered.finally(() => {
      clearInterval(asking);
      socket.close();
    });
  }

  /** The same, when it hears broadcasts too. */
  async serveBroadcasts(host: string, ...args: readonly string[]): Promise<ServerLog> {
    const log = await this.serve(host, ...args);
    await this.broadcastsHeard(host);
    return log;
  }

  async broadcastsHeard(host: string): Promise<void> {
    const deadline = performance.now() + patienceMillis;
    while (!(await this.#isBound(host, "FFFFFFFF", 69))) {
      if (performance.now() > deadline) throw new Error("no broadcasts are heard");
    }
  }

  /** A device with a socket on that host. */
  device(t: TestContext, host: string, address: string, port = 0): Device {
    return this.within(host, () => {
      const type = address.includes(":") ? "udp6" : "udp4";
      // Bound within this call, because no resolver is asked.
      const socket = createSocket({ type, lookup: (name, _, done) => done(null, name, 4) });
      socket.bind({ address, port, exclusive: true });
      if (type === "udp4") socket.setBroadcast(true);
      return Device.of(t, socket);
    });
  }

  /** What opens a socket in the course of `work` opens it on that host. */
  within<T>(host: string, work: () => T): T {
    const { open, setns, close } = kernel();
    const home = open("/proc/thread-self/ns/net", 0);
    const there = open(`/run/netns/${this.namespace(host)}`, 0);
    try {
      if (setns(there, 0) !== 0) throw new Error(`cannot enter ${host}`);
      return work();
    } finally {
      setns(home, 0);
      close(home);
      close(there);
    }
  }

  /** Starts a program, which is ended after the test. */
  spawn(
    host: string,
    program: string,
    args: readonly string[],
    stdin: "ignore" | "pipe" = "ignore",
  ): ChildProcess {
    const child = spawn("ip", ["netns", "exec", this.namespace(host), program, ...args], {
      stdio: [stdin, "pipe", "pipe"],
    });
    this.#running.add(child);
    return child;
  }

  /** `address` as the kernel writes it. */
  async #isBound(host: string, address: string, port: number): Promise<boolean> {
    const table = await this.run(host, "cat", "/proc/net/udp", "/proc/net/udp6");
    return table.includes(`${address}:${port.toString(16).toUpperCase().padStart(4, "0")} `);
  }
}
