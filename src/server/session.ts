// One request that was let in: opens the content, answers the options, and sees the transfer
// through.

import { TftpError } from "../core/errors.ts";
import type { Outcome } from "../core/machine.ts";
import { type Agreed, answerOptions } from "../core/options.ts";
import { encode, type Options, type Request } from "../core/packet.ts";
import { type Manners, serveRead, serveWrite } from "../core/request.ts";
import type {
  Address,
  DatagramSocket,
  Network,
  RequestInfo,
  Sink,
  Source,
  Storage,
} from "../ports.ts";
import type { ImageCache } from "../transfer/image-cache.ts";
import { Incoming, tooLarge } from "../transfer/incoming.ts";
import { netasciiSink, netasciiSource } from "../transfer/netascii.ts";
import { Outgoing } from "../transfer/outgoing.ts";
import { Peer } from "../transfer/peer.ts";
import type { Scheduler } from "../transfer/scheduler.ts";
import type { TransferParts } from "../transfer/transfer.ts";
import { type Diagnosis, foresee } from "./diagnosis.ts";
import { endOf } from "./ending.ts";
import type { Ended, Ending, TransferInfo } from "./events.ts";
import type { Limits } from "./limits.ts";
import { mayStopAt65535, nameFor, pacedFor, recognise, termsFor } from "./profiles.ts";

/** What a session finds at its server. */
export interface Surroundings {
  readonly storage: Storage;
  readonly network: Network;
  readonly scheduler: Scheduler;
  readonly images: ImageCache;
  readonly limits: Limits;
  /** 0 to 1, for the spread of timers. */
  readonly random: () => number;
}

export interface SessionRequest {
  readonly id: number;
  readonly request: Request;
  /** The name after the verdict. */
  readonly name: string;
  readonly info: RequestInfo;
  /** The address that was asked; the transfer's own socket is bound to the same. */
  readonly asked: Address;
}

export interface SessionEnds {
  readonly onStarted: (info: TransferInfo, warning?: Diagnosis) => void;
  /** The content cannot be had: one ERROR is due. */
  readonly onRefused: (error: TftpError) => void;
  readonly onEnded: (ended: Ended) => void;
  /** Nothing of the session is left. */
  readonly onGone: () => void;
}

interface Running {
  readonly transfer: Outgoing | Incoming;
  readonly socket: DatagramSocket;
  readonly size: number | undefined;
  readonly options: boolean;
  readonly peer: Peer;
}

export class Session {
  readonly request: Request;
  readonly #asked: SessionRequest;
  readonly #around: Surroundings;
  readonly #ends: SessionEnds;
  readonly #startedAt: number = Date.now();
  readonly #profile: ReturnType<typeof recognise>;
  #requestRepeats = 0;
  #toAskedPort = 0;
  #running: Running | undefined;
  #dropped: Ending | undefined;
  #gone = false;

  constructor(asked: SessionRequest, around: Surroundings, ends: SessionEnds) {
    this.request = asked.request;
    this.#profile = recognise(asked.request.options);
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

  async start(): Promise<void> {
    let content: Content | undefined;
    try {
      content = await this.#openContent();
      const { asked, request } = this.#asked;
      const lockStep = !request.options.has("windowsize");
      const local = { host: asked.host, port: 0 };
      const socket = await this.#around.network.open(local, { lockStep });
      if (!this.#dropped) return this.#run(content, socket);
      await socket.close();
    } catch (thrown) {
      if (!this.#dropped) this.#ends.onRefused(TftpError.from(thrown));
    }
    this.#leave();
    if (content) await putAway(content).catch(() => {});
  }

  /** A packet of the client that came to the listening port, or its request once more. */
  handleDatagram(datagram: Uint8Array, from: Address): void {
    if (this.#running?.socket.local.port !== this.#asked.asked.port) this.#toAskedPort += 1;
    this.#running?.transfer.handleDatagram(datagram, from);
  }

  handleRepeatedRequest(): void {
    this.#requestRepeats += 1;
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

  async #openContent(): Promise<Content> {
    const { request, info } = this.#asked;
    const name = nameFor(this.#profile, this.#asked.name);
    const { storage, limits } = this.#around;
    const netascii = request.mode === "netascii";
    if (request.op === "wrq") {
      if ((info.size ?? 0) > limits.uploadBytesMax) throw tooLarge(limits.uploadBytesMax);
      const sink = await storage.openWrite(name, info);
      return { op: "wrq", sink: netascii ? netasciiSink(sink) : sink };
    }
    const source = await storage.openRead(name, info);
    return { op: "rrq", source: netascii ? await netasciiSource(source) : source };
  }

  #run(content: Content, socket: DatagramSocket): void {
    const { limits, scheduler, random } = this.#around;
    const { request, info } = this.#asked;
    const size = content.op === "rrq" ? content.source.size : info.size;
    // What a client sends must fit our receive buffer: the rest of its window would be lost.
    const heldBytes = content.op === "wrq" ? socket.receiveBufferBytes : Number.POSITIVE_INFINITY;
    const terms = {
      op: request.op,
      ...limits,
      windowBytesMax: Math.min(limits.windowBytesMax, heldBytes),
      ...(size === undefined ? {} : { size }),
    };
    const profile = this.#profile;
    const { answer, agreed } = answerOptions(request.options, termsFor(profile, terms));
    const { timeoutMillis, retries: attempts } = limits;
    const patience = { timeoutMillis, attempts, jitter: random() };
    const paced = pacedFor(profile, agreed, patience);
    const errorCodes = profile?.errorCodes;
    const manners = { ...paced.patience, ...(errorCodes ? { errorCodes } : {}) };
    const peer = new Peer(info.client, { adopts: false });
    const parts: TransferParts = {
      socket,
      scheduler,
      peer,
      onOutcome: (outcome) => this.#ended(outcome),
      onDone: () => void socket.close().then(() => this.#leave()),
    };
    const transfer = this.#transfer(content, parts, { answer, agreed: paced.agreed, manners });
    this.#running = { transfer, socket, size, options: answer.size > 0, peer };
    socket.onDatagram = (datagram, from) => transfer.handleDatagram(datagram, from);
    this.#ends.onStarted(this.#describe(this.#running), this.#foresee(size, agreed));
    transfer.begin();
  }

  #foresee(size: number | undefined, { blksize }: Agreed): Diagnosis | undefined {
    const { op, options } = this.request;
    if (op === "wrq" || !mayStopAt65535(this.#profile, options)) return undefined;
    return foresee(size, blksize);
  }

  #transfer(content: Content, parts: TransferParts, terms: Settled): Outgoing | Incoming {
    const { answer, agreed, manners } = terms;
    if (content.op === "wrq") {
      const machine = serveWrite(answer, agreed, manners);
      return new Incoming(parts, machine, content.sink, this.#around.limits.uploadBytesMax);
    }
    const { source } = content;
    const machine = serveRead(answer, agreed, manners);
    return new Outgoing(parts, machine, ({ blksize, rollover }) => {
      const { name, request } = this.#asked;
      return this.#around.images.open({ name, mode: request.mode, blksize, rollover }, source);
    });
  }

  #ended(outcome: Outcome): void {
    const running = this.#running as Running;
    const error = outcome.ok ? undefined : outcome.error;
    const { ending, diagnosis } = endOf({
      request: this.request,
      ...running,
      machine: running.transfer.machine,
      ...(error ? { error } : {}),
      replaced: this.#dropped === "replaced",
      requestRepeats: this.#requestRepeats,
      toAskedPort: this.#toAskedPort,
    });
    this.#ends.onEnded({
      kind: "ended",
      ending,
      transfer: this.#describe(running),
      ...(error ? { error } : {}),
      ...(diagnosis ? { diagnosis } : {}),
    });
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
      ...(this.#profile ? { family: this.#profile.family } : {}),
      ...(size === undefined ? {} : { size }),
      options,
      startedAt: this.#startedAt,
      ...transfer.tally,
    };
  }
}

/** A busy server may read a repeated request long after its answer to the first one was
 * acknowledged. */
const lateMillis = 1000;

interface Settled {
  readonly answer: Options;
  readonly agreed: Agreed;
  readonly manners: Manners;
}

type Content =
  | { readonly op: "rrq"; readonly source: Source }
  | { readonly op: "wrq"; readonly sink: Sink };

function putAway(content: Content): Promise<void> {
  return content.op === "rrq" ? content.source.close() : content.sink.discard();
}
