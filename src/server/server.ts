// A datagram arrives at a listening port, is judged, and becomes a session or one ERROR packet.

import { TftpError } from "../core/errors.ts";
import { decode, encode, type Request } from "../core/packet.ts";
import { RecentRequests } from "../core/recent-requests.ts";
import { isEqual } from "../core/request.ts";
import type { Address, DatagramSocket } from "../ports.ts";
import { keyOf } from "../transfer/peer.ts";
import { PeerTable } from "../transfer/peer-table.ts";
import { Admission } from "./admission.ts";
import { diagnoseMissing } from "./diagnosis.ts";
import type { ServerEvent, TransferInfo } from "./events.ts";
import { Overdue } from "./overdue.ts";
import { verdictOf } from "./policy.ts";
import { RangedPorts } from "./port-range.ts";
import { errorCodeFor, recognise } from "./profiles.ts";
import { busy, ErrorRates, isOutOfFiles, RequestRates, tooMany } from "./rates.ts";
import { fittingMessage } from "./reflection.ts";
import { describe, refused } from "./request-info.ts";
import type { Admitted, Entrance, ServerParts, ServerStats } from "./server-parts.ts";
import { Session, type SessionEnds } from "./session.ts";
import { type Surroundings, surroundingsOf } from "./session-parts.ts";
import { Strays, sendError, unsent } from "./strays.ts";
import { ListeningPorts, TransferPorts } from "./transfer-ports.ts";

/** A request that came in at `socket` is for another server. */
type PassOn = (datagram: Uint8Array, from: Address, socket: DatagramSocket) => void;

export class TftpServer {
  readonly #parts: ServerParts;
  readonly #emit: (event: ServerEvent) => void;
  readonly #ports: TransferPorts | ListeningPorts;
  readonly #surroundings: Surroundings;
  /** By the client's address and port: its TID is all that tells one request from another. */
  readonly #sessions = new PeerTable<Session>();
  readonly #admission: Admission;
  readonly #recent = new RecentRequests();
  readonly #requests: RequestRates;
  readonly #errors: ErrorRates;
  readonly #strays: Strays;
  readonly #overdue: Overdue;
  /** With those that only stay to repeat their last ACK. */
  #open = 0;
  #lastId = 0;
  #closing = false;
  readonly #onIdle: (() => void)[] = [];
  #passOn: PassOn | undefined;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#emit = (event) => parts.onEvent(event);
    const { network, tidPorts, limits } = parts;
    const range = tidPorts && new RangedPorts(network, tidPorts, parts.random);
    const onOther = (datagram: Uint8Array, from: Address, socket: DatagramSocket): void =>
      this.#strays.handleStranger(decode(datagram), from, socket);
    const ports = new TransferPorts(network, parts.random, onOther, range);
    const beside = parts.reusePort ? ports : undefined;
    this.#ports = parts.singlePort ? new ListeningPorts(beside) : ports;
    this.#surroundings = surroundingsOf(parts, this.#ports);
    this.#admission = new Admission({
      clock: parts.clock,
      limits,
      isRush: () => network.isBusy?.() ?? false,
      admit: (admitted) => this.#admit(admitted),
      drop: ({ request, info }) => this.#ignore(request, info.client, busy()),
    });
    this.#requests = new RequestRates(limits);
    this.#errors = new ErrorRates(limits);
    this.#strays = new Strays(parts.clock, limits.strayErrorsPerSecond, (from, reason) =>
      this.#emit({ kind: "stray", from, reason }),
    );
    this.#overdue = new Overdue(parts.clock, limits);
  }

  /** Takes requests from this socket, which stays its opener's to close. */
  listen(socket: DatagramSocket): void {
    const handle = (datagram: Uint8Array, from: Address): void =>
      this.#handleDatagram(datagram, from, socket);
    const lost = (error: Error): void => this.#emit({ kind: "problem", error: unsent(error) });
    if (this.#ports instanceof ListeningPorts) this.#ports.add(socket, handle, lost);
    else {
      this.#ports.renew(socket.local.host);
      socket.onDatagram = handle;
      socket.onError = lost;
    }
    this.#surroundings.sizes.learn(socket.local.host);
    this.#emit({ kind: "listening", address: socket.local });
  }

  /** Takes requests, and what else belongs to transfers, from a socket that hears a broadcast
   * address. Others may hear the same: what belongs to nothing is not answered. */
  listenBroadcast(
    socket: DatagramSocket,
    answering: (from: Address) => DatagramSocket | undefined,
  ): void {
    socket.onDatagram = (datagram, from) => {
      const packet = this.#recent.decode(datagram);
      const own = answering(from);
      if (!own) this.#emit({ kind: "stray", from, reason: "a broadcast from another network" });
      else if (packet.op !== "rrq" && packet.op !== "wrq") {
        this.#sessions.get(from)?.handleDatagram(datagram, from);
      } else if (this.#parts.answersBroadcasts?.() ?? true) {
        this.#handleRequest(packet, from, { socket: own, broadcast: socket.local.host });
      }
    };
  }

  /** The transfers that run now. */
  snapshot(): readonly TransferInfo[] {
    const running = [...this.#sessions.values()].filter(({ over }) => !over);
    return running.flatMap(({ info }) => info ?? []);
  }

  stats(): ServerStats {
    const { bytes, hits, misses } = this.#surroundings.images;
    const { admitted, opening } = this.#admission.occupancy;
    const queued = this.#admission.queue.size;
    return { admitted, opening, queued, cacheBytes: bytes, cacheHits: hits, cacheMisses: misses };
  }

  /** Another server has the sockets: new requests are passed on to it, what runs goes on. Returns
   * whose that is. */
  handOn(passOn: PassOn): readonly Address[] {
    this.#passOn = passOn;
    const { queue } = this.#admission;
    const next = (): Admitted | undefined => queue.take(this.#parts.clock.now(), () => true);
    for (let each = next(); each; each = next()) {
      passOn(encode(each.request), each.info.client, each.socket);
    }
    return Array.from(this.#sessions.values(), ({ asked }) => asked.info.client);
  }

  /** Takes no more requests, lets what runs go on for `graceMillis`, then ends it with an ERROR. */
  async close(graceMillis: number): Promise<void> {
    this.#closing = true;
    this.#admission.queue.clear();
    const { clock } = this.#parts;
    const stop = (): void => {
      const error = new TftpError("ABORTED", "the server is shutting down");
      for (const session of this.#sessions.values()) session.abort(error);
    };
    let cancel = (): void => {};
    if (graceMillis > 0) cancel = clock.at(clock.now() + graceMillis, stop);
    else if ([...this.#sessions.values()].some((each) => each.awaitsLastAck)) {
      this.#onceAllIsHeard(stop);
    } else stop();
    if (this.#open > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    cancel();
    await this.#ports.close();
  }

  #handleDatagram(datagram: Uint8Array, from: Address, socket: DatagramSocket): void {
    const packet = this.#recent.decode(datagram);
    if (packet.op === "rrq" || packet.op === "wrq") {
      this.#handleRequest(packet, from, { socket });
      return;
    }
    const session = this.#sessions.get(from);
    // Some firmware answers an OACK to the port that it asked instead of the transfer's own.
    if (session) session.handleDatagram(datagram, from);
    else {
      if (packet.op === "error") this.#admission.queue.remove(keyOf(from));
      this.#strays.handle(packet, from, socket);
    }
  }

  #handleRequest(request: Request, from: Address, entrance: Entrance): void {
    if (this.#closing && !this.#passOn) return;
    const allowed = this.#requests.allows(from.host, this.#parts.clock.now());
    if (!allowed) this.#ignore(request, from, tooMany("requests"));
    else if (this.#sessions.get(from)?.awaitsLastAck) {
      this.#onceAllIsHeard(() => this.#handleAllowed(request, from, entrance));
    } else this.#handleAllowed(request, from, entrance);
  }

  /** The last ACK of a transfer may lie at another socket, unread: then what looks like a repeat is
   * a new request. In one whole turn every socket is heard. */
  #onceAllIsHeard(run: () => void): void {
    const { clock } = this.#parts;
    clock.soon(() => clock.soon(run));
  }

  #handleAllowed(request: Request, from: Address, entrance: Entrance): void {
    if (this.#closing && !this.#passOn) return;
    const earlier = this.#sessions.get(from);
    const { queue, occupancy } = this.#admission;
    const waiting = queue.size > 0 ? queue.get(keyOf(from)) : undefined;
    const now = this.#parts.clock.now();
    if (earlier?.isSame(request)) earlier.handleRepeatedRequest();
    else if (waiting && isEqual(waiting.request, request)) {
      queue.renew(keyOf(from), now);
      if (occupancy.isFullFor(from.host)) this.#overdue.makeRoom();
    } else {
      if (waiting) queue.remove(keyOf(from));
      earlier?.replace();
      if (this.#passOn) this.#passOn(encode(request), from, entrance.socket);
      else this.#judge(request, from, entrance);
    }
  }

  #judge(request: Request, from: Address, entrance: Entrance): void {
    const info = describe(request, from);
    const verdict = verdictOf(info, this.#parts);
    if (this.#closing) return; // by the judge itself, or by who was told of the earlier session
    if (verdict.kind === "refuse") this.#refuse(request, from, entrance.socket, verdict.error);
    else if (verdict.kind === "ignore") this.#ignore(request, from, verdict.reason);
    else {
      const name = verdict.filename ?? request.filename;
      const { socket, broadcast } = entrance;
      const admitted = { request, name, info, socket, broadcast };
      if (this.#admission.add(admitted)) this.#overdue.makeRoom();
    }
  }

  /** The limits have changed: there may be places. */
  admitWaiting(): void {
    this.#admission.admitWaiting();
  }

  #admit(admitted: Admitted): void {
    const { request, name, info, socket, broadcast } = admitted;
    const seat = this.#admission.occupancy.enter(info.client.host);
    this.#lastId += 1;
    const asked = { id: this.#lastId, request, name, info, socket, broadcast, seat };
    const session = new Session(asked, this.#surroundings, this.#ends);
    this.#sessions.set(session);
    this.#open += 1;
    this.#overdue.watch(session);
    session.start();
  }

  readonly #ends: SessionEnds = {
    onStarted: ({ asked }, transfer, diagnosis) => {
      this.#admission.occupancy.begin(asked.seat);
      const kind = "started";
      this.#emit(diagnosis ? { kind, transfer, diagnosis } : { kind, transfer });
    },
    onRefused: ({ asked: { request, info, socket } }, error) => {
      if (this.#open > 1 && isOutOfFiles(error)) this.#ignore(request, info.client, error);
      else this.#refuse(request, info.client, socket, error);
    },
    onEnded: (session, ended) => {
      this.#leave(session);
      if (session.asked.request.op === "wrq") this.#overdue.linger(session);
      this.#emit(ended);
    },
    onGone: (session) => {
      this.#leave(session);
      this.#overdue.letGo(session);
      this.#sessions.delete(session);
      this.#open -= 1;
      if (this.#open === 0) for (const idle of this.#onIdle.splice(0)) idle();
    },
  };

  /** Its place is free, at the first of two calls. */
  #leave(session: Session): void {
    const { seat } = session.asked;
    if (seat.state === "left") return;
    this.#admission.leave(seat);
    this.#overdue.forget(session);
    this.#admission.admitWaiting();
  }

  #refuse(request: Request, to: Address, socket: DatagramSocket, error: TftpError): void {
    if (!this.#errors.allows(to.host, this.#parts.clock.now())) {
      this.#ignore(request, to, tooMany("errors"));
      return;
    }
    this.#strays.note(to);
    const code = errorCodeFor(recognise(request.options), error.wireCode);
    sendError(socket, to, code, fittingMessage(error.message, request));
    const diagnosis = diagnoseMissing(error);
    const event = { request: refused(request, to), error, ...(diagnosis ? { diagnosis } : {}) };
    this.#emit({ kind: "refused", ...event });
  }

  #ignore(request: Request, from: Address, why?: TftpError | string): void {
    const cause = typeof why === "string" ? { reason: why } : why && { error: why };
    this.#emit({ kind: "ignored", request: refused(request, from), ...cause });
  }
}
