// A datagram arrives at a listening port, is judged, and becomes a session or one ERROR packet.

import { TftpError } from "../core/errors.ts";
import { parseDecimal } from "../core/options.ts";
import { decode, encode, type Packet, type Request } from "../core/packet.ts";
import type { Address, Clock, DatagramSocket, Network, RequestInfo, Storage } from "../ports.ts";
import { ImageCache } from "../transfer/image-cache.ts";
import { Scheduler } from "../transfer/scheduler.ts";
import type { RefusedRequest, ServerEvent, TransferInfo } from "./events.ts";
import { type Limits, RateLimit } from "./limits.ts";
import { PacketSizes } from "./packet-sizes.ts";
import type { Judge, JudgedRequest, Verdict } from "./policy.ts";
import { type PortRange, RangedPorts } from "./port-range.ts";
import { Session, type SessionEnds, type Surroundings } from "./session.ts";
import { ListeningPorts, TransferPorts } from "./transfer-ports.ts";

export interface ServerParts {
  readonly storage: Storage;
  readonly network: Network;
  readonly clock: Clock;
  readonly judge: Judge;
  readonly limits: Limits;
  readonly random: () => number;
  /** Whether transfers go through the port that was asked. */
  readonly singlePort?: boolean;
  /** Where else transfers take their ports from; any port that is free without one. */
  readonly tidPorts?: PortRange | undefined;
  /** Whether blocks may be larger than what leaves in one packet. */
  readonly fragments?: boolean;
  readonly onEvent: (event: ServerEvent) => void;
  /** One of its own by default. */
  readonly images?: ImageCache;
}

/** Where a request came in. */
interface Entrance {
  /** Of the address that answers. */
  readonly socket: DatagramSocket;
  /** The address that was asked instead, if that was a broadcast. */
  readonly broadcast?: string;
}

export class TftpServer {
  readonly #parts: ServerParts;
  readonly #ports: TransferPorts | ListeningPorts;
  readonly #surroundings: Surroundings;
  /** By the client's address and port: its TID is all that tells one request from another. */
  readonly #sessions = new Map<string, Session>();
  readonly #perClient = new Map<string, number>();
  readonly #strayErrors: RateLimit;
  #stranger = { key: "", answeredAt: 0 };
  #running = 0;
  /** With those that only stay to repeat their last ACK. */
  #open = 0;
  #lastId = 0;
  #closing = false;
  #onIdle: () => void = () => {};

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { network, tidPorts, fragments, clock } = parts;
    const range = tidPorts && new RangedPorts(network, tidPorts, parts.random);
    const onOther = (datagram: Uint8Array, from: Address, socket: DatagramSocket): void =>
      this.#handleStranger(decode(datagram), from, socket);
    this.#ports = parts.singlePort
      ? new ListeningPorts()
      : new TransferPorts(network, parts.random, onOther, range);
    this.#surroundings = {
      storage: parts.storage,
      ports: this.#ports,
      scheduler: new Scheduler(parts.clock),
      images: parts.images ?? new ImageCache(parts.limits.cacheBytes),
      limits: parts.limits,
      sizes: fragments ? undefined : new PacketSizes(network, clock),
      random: parts.random,
    };
    this.#strayErrors = new RateLimit(parts.limits.strayErrorsPerSecond);
  }

  /** Takes requests from this socket, which stays its opener's to close. */
  listen(socket: DatagramSocket): void {
    const handle = (datagram: Uint8Array, from: Address): void =>
      this.#handleDatagram(datagram, from, socket);
    if (this.#ports instanceof ListeningPorts) this.#ports.add(socket, handle);
    else {
      this.#ports.renew(socket.local.host);
      socket.onDatagram = handle;
      socket.onError = (cause) =>
        this.#problem(new TftpError("NETWORK", "an answer could not be sent", { cause }));
    }
    this.#surroundings.sizes?.learn(socket.local.host);
    this.#emit({ kind: "listening", address: socket.local });
  }

  /** Takes requests, and what else belongs to transfers, from a socket that hears a broadcast
   * address. Others may hear the same, so what belongs to nothing is not answered. */
  listenBroadcast(
    socket: DatagramSocket,
    answering: (from: Address) => DatagramSocket | undefined,
  ): void {
    socket.onDatagram = (datagram, from) => {
      const packet = decode(datagram);
      const own = answering(from);
      if (!own) this.#emit({ kind: "stray", from, reason: "a broadcast from another network" });
      else if (packet.op !== "rrq" && packet.op !== "wrq") {
        this.#sessions.get(keyOf(from))?.handleDatagram(datagram, from);
      } else this.#handleRequest(packet, from, { socket: own, broadcast: socket.local.host });
    };
  }

  /** The transfers that run now. */
  snapshot(): readonly TransferInfo[] {
    const running: TransferInfo[] = [];
    for (const session of this.#sessions.values()) {
      if (session.info && !session.over) running.push(session.info);
    }
    return running;
  }

  /** Takes no more requests, lets what runs go on for `graceMillis`, then ends it with an ERROR. */
  async close(graceMillis: number): Promise<void> {
    this.#closing = true;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const { clock } = this.#parts;
    const stop = (): void => {
      const error = new TftpError("ABORTED", "the server is shutting down");
      for (const session of this.#sessions.values()) session.abort(error);
    };
    const cancel = graceMillis > 0 ? clock.at(clock.now() + graceMillis, stop) : undefined;
    if (!cancel) stop();
    if (this.#open > 0) await idle;
    cancel?.();
    await this.#ports.close();
  }

  #handleDatagram(datagram: Uint8Array, from: Address, socket: DatagramSocket): void {
    const packet = decode(datagram);
    const session = this.#sessions.get(keyOf(from));
    if (packet.op === "rrq" || packet.op === "wrq") this.#handleRequest(packet, from, { socket });
    // Some firmware answers an OACK to the port that it asked instead of the transfer's own.
    else if (session) session.handleDatagram(datagram, from);
    else this.#handleStray(packet, from, socket);
  }

  #handleStray(packet: Packet, from: Address, socket: DatagramSocket): void {
    if (packet.op !== "invalid") {
      if (packet.op !== "error") this.#turnAway(5, "no transfer of yours", from, socket);
    } else if (packet.request) this.#turnAway(4, packet.reason, from, socket);
    // An answer to what is not TFTP would be an echo: two servers could send it to and fro.
    else this.#emit({ kind: "stray", from, reason: packet.reason });
  }

  /** At a transfer's port. Who goes on and on is told once. */
  #handleStranger(packet: Packet, from: Address, socket: DatagramSocket): void {
    const now = this.#parts.clock.now();
    const { key, answeredAt } = this.#stranger;
    if (key === keyOf(from) && now - answeredAt < strangerMillis) return;
    this.#stranger = { key: keyOf(from), answeredAt: now };
    if (packet.op !== "invalid") this.#handleStray(packet, from, socket);
  }

  #turnAway(code: number, reason: string, from: Address, socket: DatagramSocket): void {
    this.#emit({ kind: "stray", from, reason });
    if (this.#strayErrors.allows(this.#parts.clock.now())) sendError(socket, from, code, reason);
  }

  #handleRequest(request: Request, from: Address, entrance: Entrance): void {
    if (this.#closing) return;
    const earlier = this.#sessions.get(keyOf(from));
    if (earlier?.isSame(request)) earlier.handleRepeatedRequest();
    else {
      earlier?.replace();
      this.#judge(request, from, entrance);
    }
  }

  #judge(request: Request, from: Address, entrance: Entrance): void {
    const info = describe(request, from);
    const verdict = this.#verdict({ ...info, op: request.op, filename: request.filename });
    if (verdict.kind === "refuse") this.#refuse(request, from, entrance.socket, verdict.error);
    else if (verdict.kind === "ignore") this.#ignore(request, from);
    else if (this.#full(from)) this.#ignore(request, from, busy());
    else this.#admit(request, verdict.filename ?? request.filename, info, entrance);
  }

  /** The judge is not ours: where it fails, the request fails and the server goes on. */
  #verdict(request: JudgedRequest): Verdict {
    try {
      return this.#parts.judge(request);
    } catch (thrown) {
      const error = TftpError.from(thrown, "the request cannot be judged");
      if (error !== thrown) this.#problem(error);
      return { kind: "refuse", error };
    }
  }

  #admit(request: Request, name: string, info: RequestInfo, entrance: Entrance): void {
    const { socket, broadcast } = entrance;
    const key = keyOf(info.client);
    let leave = (): void => {
      this.#count(info.client, -1);
      leave = () => {};
    };
    const ends: SessionEnds = {
      onStarted: (transfer) => this.#emit({ kind: "started", transfer }),
      onRefused: (error) => this.#refuse(request, info.client, socket, error),
      onEnded: (ending, transfer, error) => {
        leave();
        this.#emit({ kind: "ended", ending, transfer, ...(error ? { error } : {}) });
      },
      onGone: () => {
        leave();
        if (this.#sessions.get(key) === session) this.#sessions.delete(key);
        this.#open -= 1;
        if (this.#open === 0) this.#onIdle();
      },
    };
    this.#lastId += 1;
    const asked = { id: this.#lastId, request, name, info, asked: socket.local, broadcast };
    const session = new Session(asked, this.#surroundings, ends);
    this.#sessions.set(key, session);
    this.#count(info.client, 1);
    this.#open += 1;
    session.start();
  }

  #full(from: Address): boolean {
    const { transfersMax, transfersMaxPerClient } = this.#parts.limits;
    const ofClient = this.#perClient.get(from.host) ?? 0;
    return this.#running >= transfersMax || ofClient >= transfersMaxPerClient;
  }

  #count(client: Address, change: 1 | -1): void {
    this.#running += change;
    const ofClient = (this.#perClient.get(client.host) ?? 0) + change;
    if (ofClient > 0) this.#perClient.set(client.host, ofClient);
    else this.#perClient.delete(client.host);
  }

  #refuse(request: Request, to: Address, socket: DatagramSocket, error: TftpError): void {
    sendError(socket, to, error.wireCode, error.message);
    this.#emit({ kind: "refused", request: refused(request, to), error });
  }

  #ignore(request: Request, from: Address, error?: TftpError): void {
    this.#emit({ kind: "ignored", request: refused(request, from), ...(error ? { error } : {}) });
  }

  #problem(error: TftpError): void {
    this.#emit({ kind: "problem", error });
  }

  #emit(event: ServerEvent): void {
    this.#parts.onEvent(event);
  }
}

/** A stranger hears ERROR 5 at most so often, so that nobody can use us to flood a third party. */
const strangerMillis = 1000;

function keyOf(client: Address): string {
  return `${client.host} ${client.port}`;
}

function refused(request: Request, client: Address): RefusedRequest {
  return { op: request.op, filename: request.filename, client };
}

function describe(request: Request, client: Address): RequestInfo {
  const { mode, options } = request;
  const size = request.op === "wrq" ? parseDecimal(options.get("tsize")?.value ?? "") : undefined;
  return { client, mode, options, ...(size === undefined ? {} : { size }) };
}

function busy(): TftpError {
  return new TftpError("BUSY", "too many transfers at once");
}

function sendError(socket: DatagramSocket, to: Address, code: number, message: string): void {
  const error = encode({ op: "error", code, message });
  socket.send(error, error.length, to);
}
