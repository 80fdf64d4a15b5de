// A network and a clock of our own around the real server: datagrams take a millisecond, and time
// goes on when nobody has anything left to do.

import { isIPv6 } from "node:net";
import type { Run } from "../../src/core/run.ts";
import type {
  Address,
  Clock,
  DatagramSocket,
  Network,
  Route,
  Sink,
  Source,
  Storage,
} from "../../src/ports.ts";
import type { ServerEvent } from "../../src/server/events.ts";
import { completeLimits, type Limits } from "../../src/server/limits.ts";
import { allowAll, type Judge } from "../../src/server/policy.ts";
import { TftpServer } from "../../src/server/server.ts";
import type { Port, Stage } from "./line.ts";

const travelMillis = 1;

export interface WorldOptions {
  readonly storage: Storage;
  readonly limits?: Partial<Limits>;
  readonly judge?: Judge;
  readonly singlePort?: boolean;
  readonly server?: string;
  readonly device?: string;
  /** What the network does with a datagram on its way. */
  readonly loses?: (datagram: Buffer, to: Address) => boolean;
}

interface Planned {
  readonly at: number;
  readonly run: () => void;
}

export class World implements Clock, Network, Stage {
  readonly server: Address;
  readonly foreign = false;
  readonly realTime = false;
  readonly longestSilenceMillis = Number.POSITIVE_INFINITY;
  readonly events: ServerEvent[] = [];
  readonly #options: WorldOptions;
  readonly #sockets = new Map<string, (datagram: Buffer, from: Address) => void>();
  readonly #open = new Set<WorldSocket>();
  #planned: Planned[] = [];
  #now = 1000;
  #lastPort = 40_000;
  #busy = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.server = { host: options.server ?? "192.0.2.1", port: 69 };
    const server = new TftpServer({
      storage: this.#watched(options.storage),
      network: this,
      clock: this,
      judge: options.judge ?? allowAll,
      limits: completeLimits(options.limits),
      singlePort: options.singlePort ?? false,
      random: () => 0.5,
      onEvent: (event) => this.events.push(event),
    });
    server.listen(this.#socket(this.server));
  }

  async mtu(): Promise<number> {
    return 65_536;
  }

  now(): number {
    return this.#now;
  }

  at(deadline: number, wake: () => void): () => void {
    const planned = { at: Math.max(deadline, this.#now), run: wake };
    this.#planned.push(planned);
    return () => {
      this.#planned = this.#planned.filter((other) => other !== planned);
    };
  }

  soon(run: () => void): void {
    this.at(this.#now, run);
  }

  async open(local: Address): Promise<DatagramSocket> {
    this.#lastPort += 1;
    return this.#socket({ host: local.host, port: this.#lastPort });
  }

  async resolve(host: string): Promise<readonly string[]> {
    return [host];
  }

  async route(): Promise<Route> {
    return { host: this.server.host, mtu: 1500, receiveBufferBytes: 1 << 20 };
  }

  async port(): Promise<Port> {
    this.#lastPort += 1;
    const host = this.#options.device ?? "192.0.2.21";
    return this.portAt({ host, port: this.#lastPort });
  }

  portAt(address: Address): Port {
    const arrived: { bytes: Buffer; from: Address }[] = [];
    let onArrival = (): void => {};
    this.#sockets.set(keyOf(address), (bytes, from) => {
      arrived.push({ bytes, from });
      onArrival();
    });
    return {
      address,
      send: async (datagram, to) => this.carry(datagram, address, to),
      take: (withinMillis) =>
        new Promise((resolve) => {
          const take = (): void => {
            cancel();
            onArrival = () => {};
            resolve(arrived.shift());
          };
          const cancel = this.at(this.#now + withinMillis, take);
          onArrival = take;
          if (arrived.length > 0) take();
        }),
    };
  }

  pause(millis: number): Promise<void> {
    return new Promise((done) => void this.at(this.#now + millis, done));
  }

  /** Broadcasts reach every socket with the port. */
  carry(datagram: Uint8Array, from: Address, to: Address): void {
    const bytes = Buffer.from(datagram);
    if (this.#options.loses?.(bytes, to)) return;
    this.at(this.#now + travelMillis, () => {
      if (!to.host.endsWith(".255")) this.#sockets.get(keyOf(to))?.(bytes, from);
      else {
        for (const [key, take] of this.#sockets) {
          if (key.endsWith(` ${to.port}`) && key !== keyOf(from)) take(bytes, from);
        }
      }
    });
  }

  /** The sockets of running transfers report an error of the system. */
  breakSockets(error: Error): void {
    for (const socket of this.#open) socket.onError(error);
  }

  /** Plays a script to its end, and then until nothing is left to happen. */
  async play(script: Promise<void>): Promise<void> {
    let over = false;
    const done = (): void => {
      over = true;
    };
    script.then(done, done);
    for (;;) {
      await this.#settle();
      const next = this.#next();
      if (next) {
        this.#now = next.at;
        next.run();
      } else if (over) break;
      else throw new Error("the script waits for what will never come");
    }
    await script;
  }

  /** Promises have their turn, and real files their time. */
  async #settle(): Promise<void> {
    do {
      await new Promise((soon) => setImmediate(soon));
    } while (this.#busy > 0);
  }

  #next(): Planned | undefined {
    let first: Planned | undefined;
    for (const planned of this.#planned) if (!first || planned.at < first.at) first = planned;
    if (first) this.#planned.splice(this.#planned.indexOf(first), 1);
    return first;
  }

  #socket(local: Address): WorldSocket {
    const socket: WorldSocket = new WorldSocket(local, {
      send: (datagram, to) => this.carry(datagram, local, to),
      close: () => {
        this.#sockets.delete(keyOf(local));
        this.#open.delete(socket);
      },
    });
    this.#sockets.set(keyOf(local), (bytes, from) => socket.onDatagram(bytes, from));
    if (local.port !== this.server.port) this.#open.add(socket);
    return socket;
  }

  #watched(storage: Storage): Storage {
    const watch = async <T>(done: Promise<T>): Promise<T> => {
      this.#busy += 1;
      try {
        return await done;
      } finally {
        this.#busy -= 1;
      }
    };
    return {
      openRead: async (name, request) => {
        const source = await watch(storage.openRead(name, request));
        return watchedSource(source, watch);
      },
      openWrite: async (name, request) => {
        const sink = await watch(storage.openWrite(name, request));
        return watchedSink(sink, watch);
      },
    };
  }
}

type Watch = <T>(done: Promise<T>) => Promise<T>;

function watchedSource(source: Source, watch: Watch): Source {
  return {
    ...(source.size === undefined ? {} : { size: source.size }),
    ...(source.version === undefined ? {} : { version: source.version }),
    readv: (into, position) => watch(source.readv(into, position)),
    close: () => watch(source.close()),
  };
}

function watchedSink(sink: Sink, watch: Watch): Sink {
  return {
    writev: (payloads) => watch(sink.writev(payloads)),
    commit: () => watch(sink.commit()),
    discard: () => watch(sink.discard()),
  };
}

class WorldSocket implements DatagramSocket {
  readonly local: Address;
  readonly maxSegments = 64;
  readonly receiveBufferBytes: number = 1 << 20;
  readonly writable = true;
  onDatagram: (datagram: Uint8Array, from: Address) => void = () => {};
  onWritable: () => void = () => {};
  onError: (error: Error) => void = () => {};
  readonly #ends: { send: (datagram: Uint8Array, to: Address) => void; close: () => void };

  constructor(
    local: Address,
    ends: { send: (datagram: Uint8Array, to: Address) => void; close: () => void },
  ) {
    this.local = local;
    this.#ends = ends;
  }

  send(run: Run, to: Address): void {
    for (const datagram of run.datagrams()) this.#ends.send(datagram, to);
  }

  joinReceived(): void {}

  async close(): Promise<void> {
    this.#ends.close();
  }

  unref(): void {}
}

function keyOf({ host, port }: Address): string {
  return isIPv6(host) ? `[${host}] ${port}` : `${host} ${port}`;
}
