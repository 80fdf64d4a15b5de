// Which options are offered, answered and accepted, and what then holds (RFC 2347, 2348, 2349,
// 7440, and blksize2, utimeout and rollover of tftp-hpa). Knows no packets.

import { TftpError } from "./errors.ts";
import type { Millis, Option, Options } from "./packet.ts";
import { parseDecimal } from "./texts.ts";

/** The wire number that follows block 65535. */
export type Rollover = 0 | 1;

/** What holds for a transfer. */
export interface Agreed {
  /** In bytes; 512 without the option. */
  readonly blksize: number;
  /** In blocks; 1 without the option. */
  readonly windowsize: number;
  readonly rollover: Rollover;
  /** Only when timeout or utimeout was negotiated. */
  readonly exactTimeoutMillis?: Millis;
  /** In bytes, as the peer stated it or as we answered it. */
  readonly tsize?: number;
}

/** What holds without any option. */
export const rfc1350: Agreed = { blksize: 512, windowsize: 1, rollover: 0 };

/** What a server is ready to agree to. */
export interface Terms {
  readonly op: "rrq" | "wrq";
  /** Of the source, in bytes as they will go over the wire, where that is known. */
  readonly size?: number | undefined;
  readonly blksizeMax: number;
  readonly windowsizeMax: number;
  /** How many bytes a window may hold; one block always fits. */
  readonly windowBytesMax: number;
  /** What holds for clients that do not ask; 0 by default. */
  readonly rollover?: Rollover;
  /** Options that are not answered, in lower case. */
  readonly refuse?: ReadonlySet<string>;
}

/** What a client asks for; what is left out is not asked. */
export interface Offer {
  /** 8 to 65464 bytes. */
  readonly blksize?: number;
  /** 1 to 65535 blocks; one less with rollover 1, which leaves out a number. */
  readonly windowsize?: number;
  /** 1 to 255, whole seconds. */
  readonly timeoutSeconds?: number;
  /** The size of what is sent; 0 asks for the size of what is fetched. */
  readonly tsize?: number;
  readonly rollover?: Rollover;
}

/** Server: what of the asked options is answered, and what then holds. What is not understood or
 * out of range is left out, never refused (RFC 2347). Names come back as they were sent, in their
 * order. */
export function answerOptions(
  asked: Options,
  terms: Terms,
): { readonly answer: Options; readonly agreed: Agreed } {
  const values = new Map<string, number>();
  for (const [key, option] of asked) {
    // Two names for one thing: the first that can be answered counts, as for a repeated name.
    const rivalAnswered = values.has(rivals.get(key) ?? "");
    if (rivalAnswered || terms.refuse?.has(key)) continue;
    const value = rules.get(key)?.answer(option.value, terms);
    if (value !== undefined) values.set(key, value);
  }
  const windowsize = values.get("windowsize");
  if (windowsize !== undefined) {
    const { blksize, rollover } = agreement(values, terms.rollover);
    const fitting = Math.min(Math.floor(terms.windowBytesMax / blksize), 65535 - rollover);
    const counted = terms.op === "rrq" && windowsize > fitting ? uncounted : windowsize;
    values.set("windowsize", Math.max(1, Math.min(counted, terms.windowsizeMax, fitting)));
  }
  const answer = new Map<string, Option>();
  for (const [key, value] of values) {
    const { name } = asked.get(key)!;
    answer.set(key, { name, value: String(value) });
  }
  return { answer, agreed: agreement(values, terms.rollover) };
}

/** Client: the options to ask for. Throws TftpError INVALID_ARGUMENT for a value out of range. */
export function offerOptions(offer: Offer): Options {
  const options = new Map<string, Option>();
  const add = (name: string, value: number | undefined, [min, max]: Range): void => {
    if (value === undefined) return;
    if (!Number.isInteger(value) || value < min || value > max) {
      const hint = `Give a whole number from ${min} to ${max}.`;
      throw new TftpError("INVALID_ARGUMENT", `${name} cannot be ${value}`, { hint });
    }
    options.set(name, { name, value: String(value) });
  };
  add("tsize", offer.tsize, tsizeRange);
  add("blksize", offer.blksize, blksizeRange);
  add("windowsize", offer.windowsize, [1, 65535 - (offer.rollover ?? 0)]);
  add("timeout", offer.timeoutSeconds, timeoutRange);
  add("rollover", offer.rollover, rolloverRange);
  return options;
}

/** Client: what holds after an OACK. Throws TftpError OPTIONS_REFUSED when it answers what was not
 * asked, or more than was asked. */
export function acceptAnswer(asked: Options, answer: Options): Agreed {
  const values = new Map<string, number>();
  for (const [key, { name, value }] of answer) {
    const wish = asked.get(key);
    if (wish === undefined) throw refused(`${name.slice(0, 40)}, which was not asked for`);
    const range = rules.get(key)?.accept(parseDecimal(wish.value) ?? 0);
    if (range === undefined) continue; // not ours to judge
    const number = inRange(range)(value);
    if (number === undefined) {
      throw refused(`${wish.name} "${value.slice(0, 40)}" where ${wish.value} was asked for`);
    }
    values.set(key, number);
  }
  return agreement(values);
}

const uncounted = 64; // for who asks for a window that nobody could hold

type Range = readonly [min: number, max: number];

const tsizeRange: Range = [0, 999_999_999_999_999]; // what parseDecimal reads
const blksizeRange: Range = [8, 65464]; // RFC 2348
const windowsizeRange: Range = [1, 65535]; // RFC 7440 3
const timeoutRange: Range = [1, 255]; // seconds, RFC 2349
const utimeoutRange: Range = [10_000, 255_000_000]; // microseconds
const rolloverRange: Range = [0, 1];

const rivals: ReadonlyMap<string, string> = new Map([
  ["blksize", "blksize2"],
  ["blksize2", "blksize"],
  ["timeout", "utimeout"],
  ["utimeout", "timeout"],
]);

interface Rule {
  /** The server's answer to a value, if there is one. */
  readonly answer: (asked: string, terms: Terms) => number | undefined;
  /** The answers a client can live with. */
  readonly accept: (asked: number) => Range;
}

const exactly = (asked: number): Range => [asked, asked];

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["blksize", { answer: answerBlksize, accept: (asked) => [8, asked] }],
  ["blksize2", { answer: answerBlksize2, accept: (asked) => [8, asked] }],
  ["windowsize", { answer: inRange(windowsizeRange), accept: (asked) => [1, asked] }],
  ["tsize", { answer: answerTsize, accept: () => tsizeRange }],
  // RFC 2349: the value is taken as it is or not at all.
  ["timeout", { answer: inRange(timeoutRange), accept: exactly }],
  ["utimeout", { answer: inRange(utimeoutRange), accept: exactly }],
  ["rollover", { answer: inRange(rolloverRange), accept: exactly }],
]);

/** More than the largest block is an answer's matter (RFC 2348): 65535 becomes what is possible. */
function answerBlksize(asked: string, terms: Terms): number | undefined {
  const blksize = parseDecimal(asked);
  if (blksize === undefined || blksize < blksizeRange[0]) return undefined;
  return Math.min(blksize, blksizeRange[1], terms.blksizeMax);
}

function answerBlksize2(asked: string, terms: Terms): number | undefined {
  const blksize = answerBlksize(asked, terms);
  return blksize === undefined ? undefined : 2 ** Math.floor(Math.log2(blksize));
}

/** curl takes a tsize of 0 for an error, so an empty file has none. */
function answerTsize(asked: string, terms: Terms): number | undefined {
  return terms.op === "wrq" ? parseDecimal(asked) : terms.size || undefined;
}

function inRange([min, max]: Range): (text: string) => number | undefined {
  return (text) => {
    const value = parseDecimal(text);
    return value !== undefined && value >= min && value <= max ? value : undefined;
  };
}

function agreement(values: ReadonlyMap<string, number>, rollover: Rollover = 0): Agreed {
  const agreed: { -readonly [key in keyof Agreed]: Agreed[key] } = {
    blksize: values.get("blksize") ?? values.get("blksize2") ?? rfc1350.blksize,
    windowsize: values.get("windowsize") ?? rfc1350.windowsize,
    rollover: (values.get("rollover") ?? rollover) === 1 ? 1 : 0,
  };
  const [seconds, micros] = [values.get("timeout"), values.get("utimeout")];
  if (seconds !== undefined) agreed.exactTimeoutMillis = seconds * 1000;
  else if (micros !== undefined) agreed.exactTimeoutMillis = micros / 1000;
  const tsize = values.get("tsize");
  if (tsize !== undefined) agreed.tsize = tsize;
  return agreed;
}

function refused(what: string): TftpError {
  return new TftpError("OPTIONS_REFUSED", `the server answered ${what}`);
}
