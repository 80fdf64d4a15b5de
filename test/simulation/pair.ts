// Two stations joined by two networks, in virtual time that jumps to the next event. A server's
// machine is made when the request arrives, so the whole negotiation runs too.

import { answerOptions, offerOptions, type Rollover, rfc1350 } from "../../src/core/options.ts";
import type { Millis, Packet } from "../../src/core/packet.ts";
import { askRead, askWrite, serveRead, serveWrite } from "../../src/core/request.ts";
import type { Patience } from "../../src/core/retransmission.ts";
import type { Conditions, LineFaults } from "./line.ts";
import { Network } from "./network.ts";
import { Random } from "./random.ts";
import { broken, must } from "./rule.ts";
import {
  blksize,
  type Delay,
  type File,
  noDelay,
  ReceivingStation,
  SendingStation,
  type Station,
} from "./station.ts";

export interface Scenario {
  readonly seed: number;
  /** A client that fetches or one that brings. */
  readonly direction: "read" | "write";
  readonly file: File;
  /** Undefined: a plain RFC 1350 request without options. */
  readonly windowsize?: number;
  readonly rollover?: Rollover;
  readonly timeoutSeconds?: number;
  readonly toReceiver: Conditions;
  readonly toSender: Conditions;
  readonly senderDelay?: Delay;
  readonly receiverDelay?: Delay;
  /** Replaces our own machine. */
  readonly foreignSender?: Station;
  readonly foreignReceiver?: Station;
  readonly patience?: Patience;
  /** Where faults are counted. */
  readonly faults?: LineFaults;
}

export interface Run {
  /** When the Sender knew of its success, or failed; the Receiver may have stayed longer. */
  readonly finalMillis: Millis;
  /** DATA packets, ACKs (OACK and requests not counted) and ERRORs, as they were sent. */
  readonly dataSent: number;
  readonly acksSent: number;
  readonly errorsSent: number;
  /** Copies of an RRQ while the Sender had no answer: it may send its DATA again for each. */
  readonly requestsAgain: number;
  readonly sender: SendingStation | undefined;
  readonly receiver: ReceivingStation | undefined;
}

/** Steps beyond this many for each block are a transfer that does not end. */
const stepsPerBlockMax = 2000;

export class Pair {
  readonly scenario: Scenario;
  /** Called after each step. True: something was done to a machine. */
  onStep: (now: Millis) => boolean = () => false;
  sender: Station | undefined;
  receiver: Station | undefined;
  readonly #toReceiver: Network<Packet>;
  readonly #toSender: Network<Packet>;
  readonly #counts = { data: 0, ack: 0, error: 0 };
  readonly #random: Random;
  #senderDoneAt: Millis | undefined;
  #requestsAgain = 0;
  #errorTaken = { sender: false, receiver: false };

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.#random = new Random(scenario.seed);
    const { seed, toReceiver, toSender, faults } = scenario;
    this.#toReceiver = new Network(toReceiver, new Random(seed + 1_000_003), faults);
    this.#toSender = new Network(toSender, new Random(seed + 2_000_003), faults);
    if (scenario.direction === "read") this.receiver = scenario.foreignReceiver ?? this.#askRead();
    else this.sender = scenario.foreignSender ?? this.#askWrite();
  }

  run(): Run {
    let now = 0;
    const stepsMax = stepsPerBlockMax * (this.scenario.file.blocks + 10);
    this.#drain(now);
    for (let steps = 0; !this.#ended; steps++) {
      if (steps >= stepsMax) broken(`the transfer does not end (at ${now} ms)`);
      const next = this.#nextEvent();
      if (next === Infinity) broken(`both ends wait for each other for ever (at ${now} ms)`);
      if (next > now) now = next;
      this.#deliver(now);
      this.sender?.wake(now);
      this.receiver?.wake(now);
      this.#drain(now);
      if (this.sender?.finished) this.#senderDoneAt ??= now;
      if (this.onStep(now)) this.#drain(now);
    }
    return {
      finalMillis: this.#senderDoneAt ?? now,
      dataSent: this.#counts.data,
      acksSent: this.#counts.ack,
      errorsSent: this.#counts.error,
      requestsAgain: this.#requestsAgain,
      sender: this.sender instanceof SendingStation ? this.sender : undefined,
      receiver: this.receiver instanceof ReceivingStation ? this.receiver : undefined,
    };
  }

  /** A Sender that is done hears no more; a Receiver still repeats its last ACK for others to
   * hear. */
  get #ended(): boolean {
    const { sender, receiver } = this;
    if (sender?.finished && receiver?.finished) return true;
    // A request that never got through, or was answered by nobody who is still there.
    return (sender ?? receiver)?.finished === true && (!sender || !receiver);
  }

  #nextEvent(): Millis {
    return Math.min(
      this.#toReceiver.nextArrival ?? Infinity,
      this.#toSender.nextArrival ?? Infinity,
      this.sender?.nextWake ?? Infinity,
      this.receiver?.nextWake ?? Infinity,
    );
  }

  #deliver(now: Millis): void {
    for (
      let packet = this.#toReceiver.receive(now);
      packet;
      packet = this.#toReceiver.receive(now)
    ) {
      if (packet.op === "wrq" && isFree(this.receiver)) this.receiver = this.#serveWrite(packet);
      if (packet.op === "error") this.#errorTaken.receiver = true;
      this.receiver?.handlePacket(packet, now);
      this.receiver?.wake(now);
      this.#drain(now);
    }
    for (let packet = this.#toSender.receive(now); packet; packet = this.#toSender.receive(now)) {
      if (packet.op === "rrq") this.#takeRead(packet);
      if (packet.op === "error") this.#errorTaken.sender = true;
      this.sender?.handlePacket(packet, now);
      this.sender?.wake(now);
      this.#drain(now);
    }
  }

  #drain(now: Millis): void {
    const { sender, receiver } = this;
    if (sender) {
      for (let packet = sender.poll(now); packet; packet = sender.poll(now)) {
        this.#count(packet, this.#errorTaken.sender);
        this.#toReceiver.send(packet, packet.op === "data" ? 1 : 0, now);
      }
    }
    if (receiver) {
      for (let packet = receiver.poll(now); packet; packet = receiver.poll(now)) {
        this.#count(packet, this.#errorTaken.receiver);
        this.#toSender.send(packet, 0, now);
      }
    }
  }

  #count({ op }: Packet, afterError: boolean): void {
    if (op === "data" || op === "ack") this.#counts[op] += 1;
    if (op !== "error") return;
    must(!afterError, "no ERROR is answered by an ERROR");
    this.#counts.error += 1;
    must(this.#counts.error === 1, "one ERROR ends a transfer");
  }

  #askRead(): Station {
    const { file, receiverDelay = noDelay } = this.scenario;
    const machine = askRead(this.#asking(), this.#patience());
    return new ReceivingStation(machine, file, receiverDelay);
  }

  #askWrite(): Station {
    const { file, senderDelay = noDelay } = this.scenario;
    return new SendingStation(askWrite(this.#asking(), this.#patience()), file, senderDelay);
  }

  #takeRead(request: Packet & { op: "rrq" | "wrq" }): void {
    if (this.sender instanceof SendingStation && !this.sender.machine.answered) {
      this.#requestsAgain += 1;
    }
    if (isFree(this.sender)) this.sender = this.#serveRead(request);
  }

  #serveRead(request: Packet & { op: "rrq" | "wrq" }): Station {
    const { foreignSender, file, senderDelay = noDelay } = this.scenario;
    if (foreignSender) return foreignSender;
    const { answer, agreed } = this.#answer(request);
    return new SendingStation(serveRead(answer, agreed, this.#serverPatience()), file, senderDelay);
  }

  #serveWrite(request: Packet & { op: "rrq" | "wrq" }): Station {
    const { foreignReceiver, file, receiverDelay = noDelay } = this.scenario;
    if (foreignReceiver) return foreignReceiver;
    const { answer, agreed } = this.#answer(request);
    return new ReceivingStation(
      serveWrite(answer, agreed, this.#serverPatience()),
      file,
      receiverDelay,
    );
  }

  #asking() {
    const { windowsize, rollover = 0, timeoutSeconds } = this.scenario;
    const asked = offerOptions(
      windowsize === undefined
        ? {}
        : {
            blksize,
            windowsize,
            ...(rollover === 1 && { rollover }),
            ...(timeoutSeconds !== undefined && { timeoutSeconds }),
          },
    );
    return { filename: "file", mode: "octet" as const, asked, agreed: { ...rfc1350, rollover } };
  }

  #answer(request: Packet & { op: "rrq" | "wrq" }): ReturnType<typeof answerOptions> {
    const answered = answerOptions(request.options, {
      op: request.op,
      blksizeMax: 65464,
      windowsizeMax: 65535,
      windowBytesMax: 1_000_000_000,
      rollover: this.scenario.rollover ?? 0,
    });
    return answered;
  }

  /** As in a real server, few packets go to a client that has not answered. */
  #serverPatience(): Patience {
    return { ...this.#patience(), unprovenMax: 3 };
  }

  #patience(): Patience {
    const jitter = this.#random.next();
    return { timeoutMillis: 1000, attempts: 5, jitter, ...this.scenario.patience };
  }
}

/** A server that gave up a client before its first answer forgets it: the next request is new. */
function isFree(station: Station | undefined): boolean {
  if (!station) return true;
  if (!(station instanceof SendingStation || station instanceof ReceivingStation)) return false;
  const { outcome, answered } = station.machine;
  return outcome?.ok === false && !answered && outcome.error.code === "TIMED_OUT";
}
