// One listening socket for each local address, so that an answer leaves from the address that was
// asked: node:dgram does not tell which one that was. It must not know what is listened for.

import { networkInterfaces } from "node:os";
import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, Network } from "../ports.ts";
import { type Answering, Broadcasts, isForMany } from "./broadcasts.ts";
import { type BoundSocket, boundSocket } from "./handed-over.ts";
import { canonical } from "./hosts.ts";

export interface ListenOptions {
  /** Exactly these addresses, which may be 0.0.0.0 and ::, or every address that this host has or
   * gets. */
  readonly hosts: readonly string[] | "every";
  /** 0 takes any free port, the same for all addresses. */
  readonly port: number;
  readonly network: Network;
  /** See OpenOptions. */
  readonly reusePort?: boolean;
  /** How often to look for new addresses. Default 3000. */
  readonly rescanMillis?: number;
  /** Each socket once; it is closed when its address has been gone for a while. */
  onSocket(socket: DatagramSocket): void;
  /** Each that hears a broadcast address once. It is not to be answered from. */
  onBroadcast?(socket: DatagramSocket, answering: Answering): void;
  /** One of "every" address cannot be listened on. Told once, until it works; tried again each
   * time. */
  onProblem(error: TftpError): void;
}

export class Listeners {
  readonly #options: ListenOptions;
  /** Undefined: every address. */
  readonly #named: ReadonlySet<string> | undefined;
  readonly #sockets = new Map<string, DatagramSocket>();
  readonly #failures = new Map<string, number>();
  /** The number of the interface that a link-local address is bound to; else 0. */
  readonly #scopes = new Map<string, number>();
  /** For how many scans an address has been gone. */
  readonly #gone = new Map<string, number>();
  readonly #broadcasts: Broadcasts | undefined;
  #port: number;
  #timer: NodeJS.Timeout | undefined;
  #rescan: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: ListenOptions, port: number, named?: ReadonlySet<string>) {
    this.#options = options;
    this.#named = named;
    this.#port = port;
    const { network, onBroadcast } = options;
    this.#broadcasts = onBroadcast && new Broadcasts(network, this.#sockets, onBroadcast);
  }

  /** Throws TftpError NETWORK when one of the named hosts, or none of "every", can be listened
   * on. */
  static async open(options: ListenOptions): Promise<Listeners> {
    const named = options.hosts === "every" ? undefined : new Set(options.hosts.map(canonical));
    const hosts = named ? [...named] : localAddresses();
    const many = hosts.find(isForMany);
    if (many !== undefined) {
      const hint = "Name this machine's own address: broadcasts in its network are heard, too.";
      throw new TftpError("NETWORK", `${many} is an address of many machines`, { hint });
    }
    const opened = await (named ? openSettled(options, hosts) : openOnOnePort(options, hosts));
    const [socket] = opened.sockets.values();
    const [problem] = opened.problems.values();
    if (socket === undefined || (problem !== undefined && named)) {
      await closeAll(opened);
      throw problem ?? noAddress();
    }
    const listeners = new Listeners(options, socket.local.port, named);
    listeners.#take(opened, presentAddresses() ?? new Map());
    await listeners.#broadcasts?.follow(listeners.#port);
    listeners.#rescanLater();
    return listeners;
  }

  get addresses(): readonly Address[] {
    const present = [...this.#sockets].filter(([host]) => !this.#gone.has(host));
    return present.map(([, socket]) => socket.local);
  }

  /** What another process needs to listen on the same sockets. */
  get bound(): readonly BoundSocket[] {
    const own = Array.from(this.#sockets, ([host, socket]) => boundSocket(host, socket));
    return [...own, ...(this.#broadcasts?.bound ?? [])];
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#rescan;
    await Promise.all([closeAll({ sockets: this.#sockets }), this.#broadcasts?.close()]);
  }

  #take({ sockets, problems }: Opened, present: ReadonlyMap<string, number>): void {
    for (const [host, socket] of sockets) {
      this.#scopes.set(host, present.get(host) ?? 0);
      this.#sockets.set(host, socket);
      this.#failures.delete(host);
      this.#options.onSocket(socket);
    }
    for (const [host, problem] of problems) {
      const failures = (this.#failures.get(host) ?? 0) + 1;
      this.#failures.set(host, failures);
      // A new IPv6 address may not be usable yet.
      const patience = systemCode(problem) === "EADDRNOTAVAIL" ? 2 : 1;
      if (failures === patience) this.#options.onProblem(problem);
    }
  }

  /** The timer alone does not keep the process alive; the sockets do. */
  #rescanLater(): void {
    this.#timer = setTimeout(() => {
      this.#rescan = this.#follow().finally(() => {
        if (!this.#closed) this.#rescanLater();
      });
    }, this.#options.rescanMillis ?? 3000).unref();
  }

  /** A link-local address is bound to its interface, which is another one when it comes back. What
   * was named is waited for. */
  #isGoneForGood(host: string): boolean {
    if (this.#named) return false;
    const scans = (this.#gone.get(host) ?? 0) + 1;
    const gone = scans > goneScansMax || host.includes("%");
    if (gone) this.#gone.delete(host);
    else this.#gone.set(host, scans);
    return gone;
  }

  async #follow(): Promise<void> {
    const present = presentAddresses();
    if (!present) return;
    for (const host of this.#failures.keys()) {
      if (!present.has(host)) this.#failures.delete(host);
    }
    for (const [host, socket] of this.#sockets) {
      const same = present.get(host) === this.#scopes.get(host);
      if (same) this.#gone.delete(host);
      else if (present.has(host) || this.#isGoneForGood(host)) {
        this.#sockets.delete(host);
        await socket.close();
      }
    }
    const fresh = [...present.keys()].filter(
      (host) => !this.#sockets.has(host) && (this.#named?.has(host) ?? true),
    );
    const opened = await openAll(this.#options, fresh, this.#port);
    if (this.#closed) await closeAll(opened);
    else {
      this.#take(opened, present);
      await this.#broadcasts?.follow(this.#port);
    }
  }
}

/** An address that moves between two machines (VRRP) may be back soon, and a transfer from the
 * single port then goes on. */
const goneScansMax = 20;
/** Five seconds: the kernel asks for one or two, after up to one more, who has the address. */
const [settlingMillis, settlingWaitsMax] = [250, 20];

/** Every address of this host, link-local IPv6 with its zone. Throws TftpError NETWORK. */
export function localAddresses(): string[] {
  const addresses = presentAddresses();
  if (addresses !== undefined) return [...addresses.keys()];
  throw new TftpError("NETWORK", "the addresses of this machine cannot be listed", {
    hint: noAddressHint,
  });
}

export function noAddress(): TftpError {
  return new TftpError("NETWORK", "no address to listen on", { hint: noAddressHint });
}

const noAddressHint = "Name the address to listen on, for example 0.0.0.0.";

/** Each with its scope. Undefined where the system does not tell, which may pass: a sandbox, no
 * memory. */
function presentAddresses(): Map<string, number> | undefined {
  try {
    const found = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      addresses.map(({ address, scopeid = 0 }) => {
        const zone = process.platform === "win32" ? scopeid : name;
        return [scopeid === 0 ? address : `${address}%${zone}`, scopeid] as const;
      }),
    );
    return new Map(found);
  } catch {
    return undefined;
  }
}

interface Opened {
  readonly sockets: ReadonlyMap<string, DatagramSocket>;
  readonly problems: ReadonlyMap<string, TftpError>;
}

/** A new IPv6 address cannot be bound until the kernel has made sure that nobody else has it, and
 * at the start of a machine it is as new as this process. */
async function openSettled(how: Opening, hosts: readonly string[]): Promise<Opened> {
  for (let waits = settlingWaitsMax; ; waits -= 1) {
    const opened = await openOnOnePort(how, hosts);
    const present = presentAddresses();
    const settles = [...opened.problems].some(([host, error]) => {
      return systemCode(error) === "EADDRNOTAVAIL" && present?.has(host);
    });
    if (!settles || waits === 0) return opened;
    await closeAll(opened);
    await new Promise((wake) => setTimeout(wake, settlingMillis));
  }
}

/** The port that is free on the first address may be taken on another one. */
async function openOnOnePort(how: Opening, hosts: readonly string[]): Promise<Opened> {
  const { port } = how;
  for (let attempts = port === 0 ? 5 : 1; ; attempts -= 1) {
    const opened = await openAll(how, hosts, port);
    const taken = [...opened.problems.values()].some((error) => systemCode(error) === "EADDRINUSE");
    if (!taken || attempts === 1) return opened;
    await closeAll(opened);
  }
}

type Opening = Pick<ListenOptions, "network" | "port" | "reusePort">;

async function openAll(how: Opening, hosts: readonly string[], port: number): Promise<Opened> {
  const { network, reusePort = false } = how;
  const sockets = new Map<string, DatagramSocket>();
  const problems = new Map<string, TftpError>();
  for (const host of hosts) {
    try {
      const socket = await network.open({ host, port }, { reusePort });
      sockets.set(host, socket);
      port = socket.local.port;
    } catch (error) {
      problems.set(host, error as TftpError);
    }
  }
  return { sockets, problems };
}

async function closeAll({ sockets }: Pick<Opened, "sockets">): Promise<void> {
  await Promise.all(Array.from(sockets.values(), (socket) => socket.close()));
}

function systemCode(error: TftpError): string | undefined {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code;
}
