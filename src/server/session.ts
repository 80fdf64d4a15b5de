// One request that was let in: opens the content, answers the options, sees the transfer through.

import { TftpError } from "../core/errors.ts";
import type { Outcome } from "../core/machine.ts";
import type { Agreed } from "../core/options.ts";
import { decode, type Millis, type Request } from "../core/packet.ts";
import { isEqual, serveRead, serveWrite } from "../core/request.ts";
import type { Address, DatagramSocket, Sink, Source } from "../ports.ts";
import { Incoming } from "../transfer/incoming.ts";
import { Outgoing } from "../transfer/outgoing.ts";
import { Peer } from "../transfer/peer.ts";
import { type Entry, markOf } from "../transfer/peer-table.ts";
import type { TransferParts } from "../transfer/transfer.ts";
import { type Agreement, agreeOn } from "./agreement.ts";
import { type Content, openContent, putAway } from "./content.ts";
import { type Diagnosis, foresee } from "./diagnosis.ts";
import { endOf } from "./ending.ts";
import type { Ended, TransferInfo } from "./events.ts";
import type { Watched } from "./overdue.ts";
import { mayStopAt65535, nameFor, recognise } from "./profiles.ts";
import { isHeard } from "./reflection.ts";
import type { SessionRequest, Surroundings } from "./session-parts.ts";
import { infoOf } from "./transfer-info.ts";

/** One for all sessions of a server. */
export interface SessionEnds {
  readonly onStarted: (session: Session, info: TransferInfo, warning?: Diagnosis) => void;
  /** The content cannot be had: one ERROR is due. */
  readonly onRefused: (session: Session, error: TftpError) => void;
  readonly onEnded: (session: Session, ended: Ended) => void;
  /** Nothing of the session is left. */
  readonly onGone: (session: Session) => void;
}

interface Running {
  readonly transfer: Outgoing | Incoming;
  readonly socket: DatagramSocket;
  readonly size: number | undefined;
  readonly stored: Source | Sink;
  readonly options: boolean;
  readonly peer: Peer;
}

export class Session implements Entry<Session>, Watched {
  readonly asked: SessionRequest;
  readonly mark: number;
  next: Session | undefined;
  before: Session | undefined;
  after: Session | undefined;
  watch: Watched["watch"];
  readonly #around: Surroundings;
  readonly #ends: SessionEnds;
  readonly #startedAt: number = Date.now();
  readonly #profile: ReturnType<typeof recognise>;
  #requestRepeats = 0;
  #toAskedPort = 0;
  #running: Running | undefined;
  /** We have ended it, or the client has by a new request; what ends by itself is not dropped. */
  #dropped: "failed" | "replaced" | undefined;
  #gone = false;

  constructor(asked: SessionRequest, around: Surroundings, ends: SessionEnds) {
    this.#profile = recognise(asked.request.options);
    const name = nameFor(this.#profile, asked.name);
    this.asked = name === asked.name ? asked : { ...asked, name };
    this.mark = markOf(asked.info.client);
    this.#around = around;
    this.#ends = ends;
  }

  /** The same request once more, not a new one. With other options it is new: a client may drop
   * them when it dislikes the OACK. In mid-transfer it is a copy that was late, unless the client
   * has been silent since: then it has begun anew. */
  isSame(request: Request): boolean {
    const { transfer } = this.#running ?? {};
    if (transfer?.machine.outcome) return false;
    if (transfer?.machine.answered && transfer.silentMillis >= lateMillis) return false;
    return isEqual(request, this.asked.request);
  }

  get id(): number {
    return this.asked.id;
  }

  get peer(): Address {
    return this.asked.info.client;
  }

  /** The client has been sent everything, and need only acknowledge the last of it. */
  get awaitsLastAck(): boolean {
    const { machine } = this.#running?.transfer ?? {};
    return machine !== undefined && "allSent" in machine && machine.allSent && !machine.outcome;
  }

  /** Only a last ACK is still to be repeated if need be. */
  get over(): boolean {
    return this.#running?.transfer.machine.outcome !== undefined;
  }

  get info(): TransferInfo | undefined {
    return this.#running && this.#describe(this.#running);
  }

  /** Payload bytes so far; undefined while the content is being opened. */
  get bytes(): number | undefined {
    return this.#running?.transfer.bytes;
  }

  get unprovenMillis(): Millis {
    const { transfer } = this.#running ?? {};
    return transfer && !transfer.machine.proven ? transfer.ageMillis : 0;
  }

  /** The client has proved nothing, and gets nothing more unless it asks again. */
  get mute(): boolean {
    return this.#running?.transfer.machine.mute ?? false;
  }

  /** Begins at once where content and socket are at hand: a promise costs a small file as much as
   * its transfer. */
  start(): void {
    try {
      const opening = openContent(this.asked, this.#around);
      if (opening instanceof Promise) opening.then((content) => this.#bind(content), this.#refuse);
      else this.#bind(opening);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  #bind(content: Content): void {
    // Its port may have been given to who has come since.
    if (this.#dropped) return void putAway(content);
    const refuse = (thrown: unknown): void => {
      this.#refuse(thrown);
      void putAway(content);
    };
    const run = (socket: DatagramSocket): void => {
      try {
        if (!this.#dropped) return void this.#run(content, socket);
        void putAway(content);
      } catch (thrown) {
        refuse(thrown);
      }
      void socket.close();
    };
    try {
      const { socket, request, info, broadcast } = this.asked;
      const opening = this.#around.ports.open(socket.local, {
        peer: info.client,
        read: request.op === "rrq",
        lockStep: !request.options.has("windowsize"),
        broadcast,
      });
      if (opening instanceof Promise) opening.then(run, refuse);
      else run(opening);
    } catch (thrown) {
      refuse(thrown);
    }
  }

  readonly #refuse = (thrown: unknown): void => {
    const told = this.#dropped;
    this.#dropped ??= "failed"; // who is told may close the server, which ends this session, too
    try {
      if (!told) this.#ends.onRefused(this, TftpError.from(thrown));
    } finally {
      this.#leave();
    }
  };

  /** A packet of the client that came to the listening port. */
  handleDatagram(datagram: Uint8Array, from: Address): void {
    if (!this.#running) return;
    const { transfer, socket } = this.#running;
    // Where all transfers have one port, there is no other to answer to.
    if (socket.local.port === this.asked.socket.local.port) transfer.handleDatagram(datagram, from);
    else {
      this.#toAskedPort += 1;
      const packet = decode(datagram);
      if (isHeard(packet, transfer.machine)) transfer.handleUnproven(packet);
    }
  }

  handleRepeatedRequest(): void {
    this.#requestRepeats += 1;
    this.#running?.transfer.handleRepeatedRequest();
  }

  /** Ends with an ERROR to the client. */
  abort(error: TftpError): void {
    if (this.#running) {
      this.#dropped ??= "failed";
      this.#running.transfer.abort(error);
    } else this.#refuse(error);
  }

  /** Ends without a word, as a client that never answered does. */
  giveUp(): void {
    this.#running?.transfer.abandon(new TftpError("TIMED_OUT", "no answer"));
  }

  /** Ends without a word, for the client has begun something else. */
  replace(): void {
    this.#dropped ??= "replaced";
    if (this.#running) {
      this.#running.transfer.abandon(new TftpError("ABORTED", "the client began anew"));
    } else this.#leave();
  }

  /** A storage that is still opening the content may take its time; nobody waits for it. */
  #leave(): void {
    if (!this.#gone) this.#ends.onGone(this);
    this.#gone = true;
  }

  #run(content: Content, socket: DatagramSocket): void {
    const { limits, scheduler, random, sizes, fragments } = this.#around;
    const { request, info, socket: entrance } = this.asked;
    const size = content.op === "rrq" ? content.source.size : info.size;
    // What a client sends must fit our receive buffer: the rest of its window would be lost.
    const heldBytes = content.op === "wrq" ? socket.receiveBufferBytes : Number.POSITIVE_INFINITY;
    const packetBytes = fragments() ? Infinity : sizes.blksize(entrance.local.host);
    const profile = this.#profile;
    const jitter = random();
    const agreement = agreeOn(request, { profile, limits, size, heldBytes, packetBytes, jitter });
    const peer = new Peer(info.client, { adopts: false });
    const parts: TransferParts = {
      pacer: this.#around.pacing.pacer(),
      socket,
      scheduler,
      peer,
      onOutcome: (outcome) => this.#ended(outcome),
      onDone: () => void socket.close().then(() => this.#leave()),
    };
    const transfer = this.#transfer(content, parts, agreement);
    const options = agreement.answer.size > 0;
    this.#running = { transfer, socket, size, stored: content.stored, options, peer };
    socket.onDatagram = (datagram, from) => transfer.handleDatagram(datagram, from);
    socket.onStranger = (from) => peer.noteStranger(from);
    const warning = this.#foresee(size, agreement.agreed);
    this.#ends.onStarted(this, this.#describe(this.#running), warning);
    transfer.begin();
  }

  #foresee(size: number | undefined, { blksize }: Agreed): Diagnosis | undefined {
    const { op, options } = this.asked.request;
    if (op === "wrq" || !mayStopAt65535(this.#profile, options)) return undefined;
    return foresee(size, blksize);
  }

  #transfer(content: Content, parts: TransferParts, terms: Agreement): Outgoing | Incoming {
    const { answer, agreed, manners } = terms;
    if (content.op === "wrq") {
      const machine = serveWrite(answer, agreed, manners);
      const { uploadBytesMax: bytesMax } = this.#around.limits;
      return new Incoming(parts, machine, content.sink, { bytesMax, putAwayMillis: 1000 });
    }
    const machine = serveRead(answer, agreed, manners);
    return new Outgoing(parts, machine, ({ blksize, rollover }) => {
      const { name, request } = this.asked;
      const shape = { name, mode: request.mode, blksize, rollover };
      return this.#around.images.open(shape, content.source);
    });
  }

  #ended(outcome: Outcome): void {
    const running = this.#running as Running;
    const error = outcome.ok ? undefined : outcome.error;
    const { ending, diagnosis } = endOf({
      request: this.asked.request,
      machine: running.transfer.machine,
      peer: running.peer,
      options: running.options,
      error,
      replaced: this.#dropped === "replaced",
      broadcast: this.asked.broadcast !== undefined,
      requestRepeats: this.#requestRepeats,
      toAskedPort: this.#toAskedPort,
      samePort: running.socket.local.port === this.asked.socket.local.port,
    });
    const ended: { -readonly [key in keyof Ended]: Ended[key] } = {
      kind: "ended",
      ending,
      transfer: this.#describe(running),
    };
    if (error) ended.error = error;
    if (diagnosis) ended.diagnosis = diagnosis;
    this.#ends.onEnded(this, ended);
  }

  #describe(running: Running): TransferInfo {
    const { id, request } = this.asked;
    const family = this.#profile?.family;
    return infoOf(running, { id, request, family, startedAt: this.#startedAt });
  }
}

/** A busy server may read a repeated request long after its answer was acknowledged. */
const lateMillis = 1000;
