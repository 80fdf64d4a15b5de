// One request with one offer of options, from a port of its own, to its end.

import { TftpError } from "../core/errors.ts";
import { type Agreed, type Offer, offerOptions, rfc1350 } from "../core/options.ts";
import { decode, encode, type Millis } from "../core/packet.ts";
import { type Asking, askRead, askWrite } from "../core/request.ts";
import { Run } from "../core/run.ts";
import type { Address, Clock, DatagramSocket, Network, Sink, Source } from "../ports.ts";
import { privateBlocks } from "../transfer/blocks.ts";
import { Incoming } from "../transfer/incoming.ts";
import { Lingering } from "../transfer/lingering.ts";
import { Outgoing } from "../transfer/outgoing.ts";
import { Peer } from "../transfer/peer.ts";
import { Scheduler } from "../transfer/scheduler.ts";
import type { Transfer, TransferParts } from "../transfer/transfer.ts";
import { aborted } from "./aborting.ts";
import { FarAway, widerOffer } from "./distance.ts";
import { explain } from "./explain.ts";
import type { Target } from "./tftp-url.ts";
import type { TransferOptions, TransferReport } from "./transfer-options.ts";

export interface ClientParts {
  readonly network: Network;
  readonly clock: Clock;
  /** 0 to 1, for the spread of timers. */
  readonly random: () => number;
  /** Default: none is cut short. */
  readonly lingering?: Lingering<Transfer>;
  /** What was fetched is being stored until this settles. */
  readonly onCommit?: (stored: Promise<void>) => void;
}

const lingeringMax = 100;

/** For all who fetch file after file: they must not run out of descriptors. */
export function fewLingering(): Lingering<Transfer> {
  return new Lingering(lingeringMax, (oldest) => {
    oldest.abandon(new TftpError("ABORTED", "the transfer is over"));
  });
}

/** What is moved, and which way. It stays open for another try until `ask` has ended. */
export type Cargo =
  | { readonly op: "rrq"; readonly sink: Sink }
  | { readonly op: "wrq"; readonly source: Source };

export interface Attempt {
  readonly target: Target;
  readonly server: Address;
  readonly cargo: Cargo;
  readonly options: TransferOptions;
  readonly offer: Offer | undefined;
  readonly attempts: number;
  /** As in Patience. */
  readonly openingAttempts?: number;
  /** Where nothing is agreed to, it is asked without options. */
  readonly plainToo?: boolean;
  /** Where the server turns out to be far away, it is asked again. */
  readonly mayWiden?: boolean;
}

/** Throws TftpError, Unanswered, Unmoved or FarAway. */
export async function attempt(parts: ClientParts, plan: Attempt): Promise<TransferReport> {
  const { server, options } = plan;
  const { signal } = options;
  const any = server.host.includes(":") ? "::" : "0.0.0.0";
  // A port of its own for each attempt: late answers to an earlier one find nobody.
  const socket = await parts.network.open({ host: any, port: 0 });
  const peer = new Peer(server, { adopts: true });
  let stop = (): void => {};
  let transferCloses = false;
  try {
    return await new Promise<TransferReport>((resolve, reject) => {
      const transfer = load(
        plan,
        {
          socket,
          peer,
          scheduler: new Scheduler(parts.clock),
          ...(options.onProgress ? { onProgress: (bytes) => tell(plan, transfer, bytes) } : {}),
          onOutcome: (outcome) => {
            if (outcome.ok) {
              parts.lingering?.add(transfer);
              resolve(report(plan, transfer));
            } else {
              reject(failureOf(plan, transfer, explained(plan, transfer, peer, outcome.error)));
              if (unmoved(transfer) && !transfer.machine.peerGone) {
                takeLeave(socket, transfer.peer, "no block came through, trying smaller ones");
              }
            }
          },
          onDone: () => {
            parts.lingering?.delete(transfer);
            void socket.close();
          },
        },
        parts,
      );
      transferCloses = true;
      stop = () => {
        transfer.abort(aborted(signal));
        socket.unref(); // what it stores may never be done
      };
      signal?.addEventListener("abort", stop);
      const askedAt = parts.clock.now();
      socket.onDatagram = (datagram, from) => {
        const wider = transfer.machine.answered
          ? undefined
          : wanted(plan, transfer, { datagram, from, millis: parts.clock.now() - askedAt, socket });
        if (wider === undefined) return transfer.handleDatagram(datagram, from);
        reject(new FarAway(wider));
        takeLeave(socket, from, "asking again for a larger window");
        transfer.abandon(aborted(undefined));
      };
      if (signal?.aborted) stop();
      else transfer.begin();
    });
  } finally {
    signal?.removeEventListener("abort", stop);
    // To repeat the last ACK is a courtesy that need not keep the process alive.
    if (transferCloses) socket.unref();
    else await socket.close();
  }
}

function load(
  plan: Attempt,
  parts: TransferParts,
  { random, onCommit }: ClientParts,
): Incoming | Outgoing {
  const { target, cargo, options, offer, attempts, openingAttempts } = plan;
  const asking: Asking = {
    filename: target.filename,
    mode: target.mode,
    asked: offerOptions(offer ?? {}),
    agreed: { ...rfc1350, rollover: options.rollover ?? 0 },
  };
  const timeoutMillis = options.timeoutMillis ?? defaultTimeoutMillis;
  const patience = { timeoutMillis, attempts, openingAttempts, jitter: random() };
  if (cargo.op === "rrq") {
    const { bytesMax } = options;
    const sink = kept(cargo.sink, onCommit);
    return new Incoming(parts, askRead(asking, patience), sink, { bytesMax });
  }
  const blocks = ({ blksize, rollover }: Agreed) => {
    return privateBlocks(keptOpen(cargo.source), blksize, rollover);
  };
  return new Outgoing(parts, askWrite(asking, patience), blocks);
}

function explained(
  { target, server, offer, plainToo = false }: Attempt,
  { machine }: Incoming | Outgoing,
  { stranger }: Peer,
  error: TftpError,
): TftpError {
  const elsewhere = stranger?.host === server.host ? undefined : stranger;
  const optionsOnly = offer !== undefined && (machine.answered || !plainToo);
  return explain(error, { target, stranger: elsewhere, optionsOnly });
}

function failureOf(
  { cargo }: Attempt,
  transfer: Incoming | Outgoing,
  error: TftpError,
): TftpError | Unanswered | Unmoved {
  if (!transfer.machine.answered) return new Unanswered(error);
  if (!unmoved(transfer)) return error;
  // What is read only once cannot be sent again.
  const again = cargo.op === "rrq" || cargo.source.version !== undefined;
  return new Unmoved(error, transfer.machine.agreed.blksize, again);
}

/** Options were agreed to, and then no block came through. */
function unmoved({ machine }: Incoming | Outgoing): boolean {
  if (!machine.answered || machine.outcome?.ok !== false) return false;
  const blocks = "received" in machine ? machine.received : machine.acked;
  return machine.outcome.error.code === "TIMED_OUT" && blocks === 0;
}

interface FirstAnswer {
  readonly datagram: Uint8Array;
  readonly from: Address;
  /** Since it was asked for. */
  readonly millis: Millis;
  readonly socket: DatagramSocket;
}

/** What to ask for instead, when this is an answer from far away. */
function wanted(
  { server, cargo, offer, mayWiden }: Attempt,
  { machine }: Incoming | Outgoing,
  { datagram, from, millis, socket }: FirstAnswer,
): Offer | undefined {
  if (!mayWiden || !offer || cargo.op === "wrq" || from.host !== server.host) return undefined;
  const packet = decode(datagram);
  // After a repeat nobody knows which request is answered.
  if (packet.op !== "oack" || machine.stats.resent > 0) return undefined;
  const { receiveBufferBytes } = socket;
  const asked = offerOptions(offer);
  const answer = packet.options;
  return widerOffer({ offer, asked, answer, roundTripMillis: millis, receiveBufferBytes });
}

function tell(plan: Attempt, transfer: Incoming | Outgoing, bytes: number): void {
  const size = sizeOf(plan, transfer);
  plan.options.onProgress?.(size === undefined ? { bytes } : { bytes, size });
}

/** So that the server does not go on sending. */
function takeLeave(socket: DatagramSocket, to: Address, message: string): void {
  socket.send(Run.of(encode({ op: "error", code: 0, message })), to);
}

function report(plan: Attempt, transfer: Incoming | Outgoing): TransferReport {
  const { filename, mode } = plan.target;
  const size = sizeOf(plan, transfer);
  return {
    filename,
    mode,
    server: transfer.peer,
    ...(size === undefined ? {} : { size }),
    ...transfer.tally,
  };
}

function sizeOf({ cargo }: Attempt, transfer: Incoming | Outgoing): number | undefined {
  return cargo.op === "wrq" ? cargo.source.size : transfer.machine.agreed.tsize;
}

/** A failure before the server agreed to anything: nothing of the cargo has moved. */
export class Unanswered {
  readonly error: TftpError;

  constructor(error: TftpError) {
    this.error = error;
  }

  get mayHelpToAskLess(): boolean {
    const { code, origin, wireCode } = this.error;
    if (origin === "remote") return wireCode === 0 || wireCode === 4 || wireCode === 8;
    return code === "TIMED_OUT" || code === "OPTIONS_REFUSED";
  }
}

/** The server answered, but no block came through: what carries small packets may not carry large
 * ones, or not their fragments. */
export class Unmoved {
  readonly error: TftpError;
  readonly blksize: number;
  readonly mayTryAgain: boolean;

  constructor({ code, message }: TftpError, blksize: number, mayTryAgain: boolean) {
    const hint =
      blksize > 512
        ? `No block of ${blksize} bytes came through, so large packets or fragments may be ` +
          "dropped on the way; try --blksize 512."
        : "Only the answer came through, no block: look for a firewall on the way.";
    this.error = new TftpError(code, message, { hint });
    this.blksize = blksize;
    this.mayTryAgain = mayTryAgain;
  }
}

const defaultTimeoutMillis = 1000;

/** One attempt must not throw away what the next one needs. */
function kept(sink: Sink, onCommit?: ClientParts["onCommit"]): Sink {
  return {
    writev: (payloads) => sink.writev(payloads),
    writeAtOnce: (payloads) => sink.writeAtOnce?.(payloads) ?? false,
    commit: () => {
      const stored = Promise.resolve(sink.commit());
      onCommit?.(stored);
      return stored;
    },
    discard: async () => {},
  };
}

function keptOpen(source: Source): Source {
  return {
    ...(source.size === undefined ? {} : { size: source.size }),
    readv: (into, position) => source.readv(into, position),
    close: async () => {},
  };
}
