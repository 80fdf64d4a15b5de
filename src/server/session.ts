// One request that was let in: opens the content, answers the options, and sees the transfer
// through.

import { TftpError } from "../core/errors.ts";
import type { Outcome } from "../core/machine.ts";
import { type Agreed, answerOptions } from "../core/options.ts";
import { encode, type Options, type Request } from "../core/packet.ts";
import { serveRead, serveWrite } from "../core/request.ts";
import type { Patience } from "../core/retransmission.ts";
import type { Address, DatagramSocket, RequestInfo, Sink, Source, Storage } from "../ports.ts";
import type { ImageCache } from "../transfer/image-cache.ts";
import { Incoming, tooLarge } from "../transfer/incoming.ts";
import { netasciiSink, netasciiSource } from "../transfer/netascii.ts";
import { Outgoing } from "../transfer/outgoing.ts";
import { Peer } from "../transfer/peer.ts";
import type { Scheduler } from "../transfer/scheduler.ts";
import type { TransferParts } from "../transfer/transfer.ts";
import type { Ending, TransferInfo } from "./events.ts";
import type { Limits } from "./limits.ts";
import type { PacketSizes } from "./packet-sizes.ts";
import { asksLittle, type Ports } from "./transfer-ports.ts";

/** What a session finds at its server. */
export interface Surroundings {
  readonly storage: Storage;
  readonly ports: Ports;
  readonly scheduler: Scheduler;
  readonly images: ImageCache;
  readonly limits: Limits;
  /** None where blocks may leave in fragments. */
  readonly sizes: PacketSizes | undefined;
  /** 0 to 1, for the spread of timers. */
  readonly random: () => number;
}

export interface SessionRequest {
  readonly id: number;
  readonly request: Request;
  /** The name after the verdict. */
  readonly name: string;
  readonly info: RequestInfo;
  /** The address that was asked; the transfer's socket is bound to the same. */
  readonly asked: Address;
  /** Where the request was heard, if it was a broadcast. */
  readonly broadcast: string | undefined;
}

export interface SessionEnds {
  readonly onStarted: (info: TransferInfo) => void;
  /** The content cannot be had: one ERROR is due. */
  readonly onRefused: (error: TftpError) => void;
  readonly onEnded: (ending: Ending, info: TransferInfo, error?: TftpError) => void;
  /** Nothing of the session is left. */
  readonly onGone: () => void;
}

interface Running {
  readonly transfer: Outgoing | Incoming;
  readonly socket: DatagramSocket;
  readonly size: number | undefined;
  readonly options: boolean;
}

export class Session {
  readonly request: Request;
  readonly #asked: SessionRequest;
  readonly #around: Surroundings;
  readonly #ends: SessionEnds;
  readonly #startedAt: number = Date.now();
  #running: Running | undefined;
  #dropped: Ending | undefined;
  #gone = false;

  constructor(asked: SessionRequest, around: Surroundings, ends: SessionEnds) {
    this.request = asked.request;
    this.#asked = asked;
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
    return String(encode(request)) === String(encode(this.request));
  }

  /** Only a last ACK is still to be repeated if need be. */
  get over(): boolean {
    return this.#running?.transfer.machine.outcome !== undefined;
  }

  get info(): TransferInfo | undefined {
    return this.#running && this.#describe(this.#running);
  }

  /** Begins at once where content and socket are at hand: a promise costs a small file as much as
   * its transfer. */
  start(): void {
    try {
      const opening = this.#openContent();
      if (opening instanceof Promise) opening.then((content) => this.#bind(content), this.#refuse);
      else this.#bind(opening);
    } catch (thrown) {
      this.#refuse(thrown);
    }
  }

  #bind(content: Content): void {
    const refuse = (thrown: unknown): void => {
      this.#refuse(thrown);
      void putAway(content).catch(() => {});
    };
    const run = (socket: DatagramSocket): void => {
      if (!this.#dropped) this.#run(content, socket);
      else {
        void socket.close();
        refuse(undefined);
      }
    };
    try {
      const { asked, request, info, broadcast } = this.#asked;
      const opening = this.#around.ports.open(asked, {
        peer: info.client,
        small: request.op === "rrq" && asksLittle(request.options),
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
    if (!this.#dropped) this.#ends.onRefused(TftpError.from(thrown));
    this.#leave();
  };

  /** A packet of the client that came to the listening port, or its request once more. */
  handleDatagram(datagram: Uint8Array, from: Address): void {
    this.#running?.transfer.handleDatagram(datagram, from);
  }

  handleRepeatedRequest(): void {
    this.#running?.transfer.handleRepeatedRequest();
  }

  /** Ends with an ERROR to the client. */
  abort(error: TftpError): void {
    this.#dropped ??= "failed";
    if (this.#running) this.#running.transfer.abort(error);
    else this.#leave();
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
    if (!this.#gone) this.#ends.onGone();
    this.#gone = true;
  }

  #openContent(): Content | Promise<Content> {
    const { request, name, info } = this.#asked;
    if (request.op === "wrq") return this.#openSink();
    if (request.mode === "netascii") return this.#openText();
    const { storage } = this.#around;
    const source = storage.readAtHand?.(name, info);
    if (source) return { op: "rrq", source };
    return storage.openRead(name, info).then((opened) => ({ op: "rrq", source: opened }));
  }

  async #openText(): Promise<Content> {
    const { name, info } = this.#asked;
    const source = await this.#around.storage.openRead(name, info);
    return { op: "rrq", source: await netasciiSource(source) };
  }

  async #openSink(): Promise<Content> {
    const { request, name, info } = this.#asked;
    const { storage, limits } = this.#around;
    if ((info.size ?? 0) > limits.uploadBytesMax) throw tooLarge(limits.uploadBytesMax);
    const sink = await storage.openWrite(name, info);
    return { op: "wrq", sink: request.mode === "netascii" ? netasciiSink(sink) : sink };
  }

  #run(content: Content, socket: DatagramSocket): void {
    const { limits, scheduler, random, sizes } = this.#around;
    const { request, info, asked } = this.#asked;
    const size = content.op === "rrq" ? content.source.size : info.size;
    // What a client sends must fit our receive buffer: the rest of its window would be lost.
    const heldBytes = content.op === "wrq" ? socket.receiveBufferBytes : Number.POSITIVE_INFINITY;
    const { answer, agreed } = answerOptions(request.options, {
      op: request.op,
      ...limits,
      blksizeMax: Math.min(limits.blksizeMax, sizes?.blksize(asked.host) ?? Infinity),
      windowBytesMax: Math.min(limits.windowBytesMax, heldBytes),
      ...(size === undefined ? {} : { size }),
    });
    const patience = {
      timeoutMillis: limits.timeoutMillis,
      attempts: limits.retries,
      jitter: random(),
    };
    const parts: TransferParts = {
      socket,
      scheduler,
      peer: new Peer(info.client, { adopts: false }),
      onOutcome: (outcome) => this.#ended(outcome),
      onDone: () => void socket.close().then(() => this.#leave()),
    };
    const transfer = this.#transfer(content, parts, answer, agreed, patience);
    this.#running = { transfer, socket, size, options: answer.size > 0 };
    socket.onDatagram = (datagram, from) => transfer.handleDatagram(datagram, from);
    this.#ends.onStarted(this.#describe(this.#running));
    transfer.begin();
  }

  #transfer(
    content: Content,
    parts: TransferParts,
    answer: Options,
    agreed: Agreed,
    patience: Patience,
  ): Outgoing | Incoming {
    if (content.op === "wrq") {
      const machine = serveWrite(answer, agreed, patience);
      return new Incoming(parts, machine, content.sink, this.#around.limits.uploadBytesMax);
    }
    const { source } = content;
    const machine = serveRead(answer, agreed, patience);
    return new Outgoing(parts, machine, ({ blksize, rollover }) => {
      const { name, request } = this.#asked;
      return this.#around.images.open({ name, mode: request.mode, blksize, rollover }, source);
    });
  }

  #ended(outcome: Outcome): void {
    const running = this.#running as Running;
    const error = outcome.ok ? undefined : outcome.error;
    this.#ends.onEnded(this.#ending(running, error), this.#describe(running), error);
  }

  #ending(running: Running, error: TftpError | undefined): Ending {
    if (!error) return "completed";
    if (this.#dropped === "replaced") return "replaced";
    if (this.#isElsewhere(running, error)) return "elsewhere";
    const { machine } = running.transfer;
    if (error.origin === "remote") {
      const probe = running.options && !machine.answered && this.request.options.has("tsize");
      return probe && (error.wireCode === 0 || error.wireCode === 8) ? "probe" : "aborted";
    }
    const allSent = "allSent" in machine && machine.allSent && machine.answered;
    return error.code === "TIMED_OUT" && allSent ? "unconfirmed" : "failed";
  }

  /** Of the servers that answer a broadcast a client takes one. */
  #isElsewhere({ transfer }: Running, { code, wireCode, origin }: TftpError): boolean {
    if (this.#asked.broadcast === undefined || transfer.bytes > 0) return false;
    return code === "TIMED_OUT" || (origin === "remote" && wireCode === 5);
  }

  #describe({ transfer, socket, size, options }: Running): TransferInfo {
    const { op, filename, mode } = this.request;
    return {
      id: this.#asked.id,
      op,
      filename,
      mode,
      client: transfer.peer,
      local: socket.local,
      ...(size === undefined ? {} : { size }),
      options,
      startedAt: this.#startedAt,
      ...transfer.tally,
    };
  }
}

/** A busy server may read a repeated request long after its answer was acknowledged. */
const lateMillis = 1000;

type Content =
  | { readonly op: "rrq"; readonly source: Source }
  | { readonly op: "wrq"; readonly sink: Sink };

function putAway(content: Content): Promise<void> {
  return content.op === "rrq" ? content.source.close() : content.sink.discard();
}
