// A small table language over the bare machines, so that a test reads as the dialogue it is about:
//
// windowSender(4).supply(4).sends("OACK windowsize=4").gets("ACK 0").sends("DATA 1..4")
//
// Every packet is one line of text: "ACK 3", "DATA 3 (512)" with its bytes, "ERROR 4 text", "OACK
// name=value ...", "RRQ name mode name=value ...". A step that says what is sent says all that is
// sent.

import assert from "node:assert/strict";
import { toWire } from "../../src/core/block-number.ts";
import { TftpError } from "../../src/core/errors.ts";
import type { Transmit } from "../../src/core/machine.ts";
import { type Agreed, type Offer, offerOptions, type Rollover } from "../../src/core/options.ts";
import { decode, type Millis, type Options, type Packet } from "../../src/core/packet.ts";
import { Receiver } from "../../src/core/receiver.ts";
import { type Asking, askRead, askWrite, serveRead, serveWrite } from "../../src/core/request.ts";
import type { Patience } from "../../src/core/retransmission.ts";
import { Sender } from "../../src/core/sender.ts";

/** No jitter, so that every time in a test can be computed by its reader. */
export const patience: Patience = { timeoutMillis: 1000, attempts: 3, jitter: 0 };

export function agreed(change: Partial<Agreed> = {}): Agreed {
  return { blksize: 512, windowsize: 1, rollover: 0, ...change };
}

/** "blksize=1428 windowsize=4" as options. */
export function options(text: string): Options {
  const pairs = text.split(" ").filter(Boolean);
  return new Map(
    pairs.map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      return [name.toLowerCase(), { name, value }];
    }),
  );
}

export function conversation<M extends Sender | Receiver>(machine: M): Conversation<M> {
  return new Conversation(machine);
}

/** A server's Sender without options: DATA 1 may go at once. */
export function plainSender(change: Partial<Patience> = {}): Conversation<Sender> {
  return conversation(serveRead(options(""), agreed(), { ...patience, ...change }));
}

/** A server's Sender that has its OACK for a window to send. */
export function windowSender(
  windowsize: number,
  change: Partial<Patience> & { readonly exactTimeoutMillis?: Millis } = {},
): Conversation<Sender> {
  const { exactTimeoutMillis, ...patient } = change;
  const terms = agreed({ windowsize, ...(exactTimeoutMillis && { exactTimeoutMillis }) });
  const machine = serveRead(options(`windowsize=${windowsize}`), terms, {
    ...patience,
    ...patient,
  });
  return conversation(machine);
}

/** The same once its OACK is answered and `upTo` blocks are at hand. */
export function openedSender(windowsize: number, upTo: number, last?: number) {
  const talk = windowSender(windowsize).sends(`OACK windowsize=${windowsize}`);
  return talk.supply(upTo, last).gets("ACK 0");
}

/** A client's Sender with its WRQ to send. */
export function clientSender(offer: Offer): Conversation<Sender> {
  return conversation(askWrite(asking(offer), patience));
}

/** A server's Receiver without options that has sent its ACK 0. */
export function plainReceiver(change: Partial<Patience> = {}): Conversation<Receiver> {
  const machine = serveWrite(options(""), agreed(), { ...patience, ...change });
  return conversation(machine).sends("ACK 0");
}

/** A server's Receiver that has sent its OACK for a window. */
export function windowReceiver(windowsize: number, rollover: Rollover = 0): Conversation<Receiver> {
  const answer = options(`windowsize=${windowsize}`);
  const machine = serveWrite(answer, agreed({ windowsize, rollover }), patience);
  return conversation(machine).sends(`OACK windowsize=${windowsize}`);
}

/** A client's Receiver with its RRQ to send. */
export function clientReceiver(offer: Offer): Conversation<Receiver> {
  return conversation(askRead(asking(offer), patience));
}

function asking(offer: Offer): Asking {
  return { filename: "f", mode: "octet", asked: offerOptions(offer), agreed: agreed() };
}

export class Conversation<M extends Sender | Receiver> {
  readonly machine: M;
  #now: Millis = 0;
  #handed = 0;

  constructor(machine: M) {
    this.machine = machine;
  }

  /** Moves time; what is due then happens. */
  at(now: Millis): this {
    assert.ok(now >= this.#now, "time only moves on");
    this.#now = now;
    this.machine.handleTimeout(now);
    const { nextTimeout = Number.POSITIVE_INFINITY } = this.machine;
    assert.ok(nextTimeout > now, "what was due is done, or would be due for ever");
    return this;
  }

  gets(line: string): this {
    const payloads = this.machine.handlePacket(parse(line), this.#now);
    this.#handed = payloads.length;
    return this;
  }

  /** The peer's request comes once more. */
  getsRequestAgain(): this {
    this.machine.handleRepeatedRequest(this.#now);
    return this;
  }

  /** Everything that is sent now, and nothing else. */
  sends(...lines: readonly string[]): this {
    const sent: string[] = [];
    for (let limit = 0; limit < 100; limit++) {
      const transmit = this.machine.pollTransmit(this.#now, 1000);
      if (!transmit) break;
      sent.push(this.#textOf(transmit));
    }
    assert.deepEqual(sent, lines, `at ${this.#now} ms`);
    return this;
  }

  sendsNothing(): this {
    return this.sends();
  }

  /** How many payloads the last packet released. */
  hands(count: number): this {
    assert.equal(this.#handed, count, "payloads handed over");
    return this;
  }

  /** Blocks are at hand for a Sender. */
  supply(upTo: number, last?: number): this {
    assert.ok(this.machine instanceof Sender);
    this.machine.handleReady(upTo, last);
    return this;
  }

  /** A Receiver's blocks are safe; of the last one: committed. */
  stored(upTo: number): this {
    assert.ok(this.machine instanceof Receiver);
    this.machine.handleStored(upTo);
    return this;
  }

  aborts(code: "ABORTED" | "STORAGE" | "DISK_FULL", message: string): this {
    this.machine.abort(new TftpError(code, message));
    return this;
  }

  /** When the machine wants to be woken; undefined: it waits for no answer. */
  waitsUntil(time: Millis | undefined): this {
    assert.equal(this.machine.nextTimeout, time, "next timeout");
    return this;
  }

  succeeds(): this {
    assert.deepEqual(this.machine.outcome, { ok: true });
    return this;
  }

  fails(code: string): this {
    const { outcome } = this.machine;
    assert.ok(outcome && !outcome.ok, "it has failed");
    assert.equal(outcome.error.code, code);
    return this;
  }

  goesOn(): this {
    assert.equal(this.machine.outcome, undefined, "it has not ended");
    return this;
  }

  #textOf(transmit: Transmit): string {
    if (transmit.kind === "control") return format(decode(transmit.datagram));
    const { first, count } = transmit;
    const { rollover } = this.machine.agreed;
    const wire = (block: number) => toWire(block, rollover);
    return count === 1 ? `DATA ${wire(first)}` : `DATA ${wire(first)}..${wire(first + count - 1)}`;
  }
}

function parse(line: string): Packet {
  const [kind, word = "", ...rest] = line.split(" ");
  if (kind === "ACK") return { op: "ack", block: Number(word) };
  if (kind === "ERROR") return { op: "error", code: Number(word), message: rest.join(" ") };
  if (kind === "OACK") return { op: "oack", options: options([word, ...rest].join(" ")) };
  assert.equal(kind, "DATA", `"${line}" is a packet`);
  const bytes = Number(/^\((\d+)\)$/.exec(rest[0] ?? "(512)")?.[1]);
  return { op: "data", block: Number(word), payload: new Uint8Array(bytes) };
}

function format(packet: Packet): string {
  switch (packet.op) {
    case "ack":
      return `ACK ${packet.block}`;
    case "error":
      return `ERROR ${packet.code} ${packet.message}`;
    case "oack":
      return `OACK ${formatOptions(packet.options)}`;
    case "rrq":
    case "wrq":
      return [packet.op.toUpperCase(), packet.filename, packet.mode, formatOptions(packet.options)]
        .join(" ")
        .trim();
    default:
      throw new Error(`a machine does not encode ${packet.op}`);
  }
}

function formatOptions(of: Options): string {
  return [...of.values()].map(({ name, value }) => `${name}=${value}`).join(" ");
}
