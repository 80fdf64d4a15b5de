// How many, how large, how long: every bound of a server has its name here.

import { TftpError } from "../core/errors.ts";
import type { Rollover } from "../core/options.ts";
import type { Millis } from "../core/packet.ts";

export interface Limits {
  /** The largest block that is agreed to, 8 to 65464 bytes. */
  readonly blksizeMax: number;
  /** The largest window that is agreed to, 1 to 65535 blocks. */
  readonly windowsizeMax: number;
  /** What one window may hold in bytes; one block always fits. Who asks for more gets 64 blocks, if
   * they fit: it has not counted what its own buffer holds. */
  readonly windowBytesMax: number;
  /** How long an answer is waited for before the round trip is known. */
  readonly timeoutMillis: Millis;
  /** How often a packet that nobody answers is repeated before the client is given up. */
  readonly retries: number;
  /** Transfers at once. Requests beyond wait for a place. */
  readonly transfersMax: number;
  readonly transfersMaxPerClient: number;
  /** The same while more arrives than can be answered: what is new waits until others end, a
   * second at most. */
  readonly rushTransfersMax: number;
  /** Requests that wait. Those beyond are not answered, so that clients ask again. */
  readonly queueMax: number;
  /** Looked at from one address, and from one /24 (IPv4) or /64 (IPv6); others are not answered.
   * Not limited by default: many clients may stand behind one address. */
  readonly requestsPerSecondPerClient: number;
  readonly requestsPerSecondPerPrefix: number;
  /** In characters. */
  readonly nameLengthMax: number;
  /** From the request to the end. */
  readonly transferMillisMax: Millis;
  /** Without one byte that reaches the other side, or is stored on this one. */
  readonly stalledMillisMax: Millis;
  /** Of DATA sent, headers included: in all, and by one transfer. */
  readonly bytesPerSecond: number;
  readonly bytesPerSecondPerTransfer: number;
  readonly uploadBytesMax: number;
  /** Of all uploads since the server began; those that failed do not count, a file that was
   * replaced counts again. */
  readonly uploadTotalBytesMax: number;
  /** Encoded blocks of files that were asked for lately, kept for whoever asks next. */
  readonly cacheBytes: number;
  /** ERROR packets to datagrams that belong to no transfer, per second and in all. */
  readonly strayErrorsPerSecond: number;
  /** ERROR packets that refuse requests, in all and to one address. */
  readonly errorsPerSecond: number;
  readonly errorsPerSecondPerClient: number;
  /** What follows block 65535 for clients that do not ask. */
  readonly rollover: Rollover;
}

export const defaultLimits: Limits = {
  blksizeMax: 65_464,
  windowsizeMax: 2048,
  windowBytesMax: 4 * 1024 * 1024,
  timeoutMillis: 1000,
  retries: 6,
  transfersMax: 10_000,
  transfersMaxPerClient: 10_000,
  rushTransfersMax: 256,
  queueMax: 10_000,
  requestsPerSecondPerClient: Number.POSITIVE_INFINITY,
  requestsPerSecondPerPrefix: Number.POSITIVE_INFINITY,
  nameLengthMax: 1024,
  transferMillisMax: 24 * 3600 * 1000,
  stalledMillisMax: 5 * 60 * 1000,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  bytesPerSecondPerTransfer: Number.POSITIVE_INFINITY,
  uploadBytesMax: Number.POSITIVE_INFINITY,
  uploadTotalBytesMax: Number.POSITIVE_INFINITY,
  cacheBytes: 256 * 1024 * 1024,
  strayErrorsPerSecond: 50,
  errorsPerSecond: 50_000,
  errorsPerSecondPerClient: 10_000,
  rollover: 0,
};

const ranges: { readonly [name in keyof Limits]: readonly [number, number] } = {
  blksizeMax: [8, 65_464],
  windowsizeMax: [1, 65_535],
  windowBytesMax: [8, Number.POSITIVE_INFINITY],
  timeoutMillis: [1, 255_000],
  retries: [0, 1000],
  transfersMax: [1, Number.POSITIVE_INFINITY],
  transfersMaxPerClient: [1, Number.POSITIVE_INFINITY],
  rushTransfersMax: [1, Number.POSITIVE_INFINITY],
  queueMax: [0, Number.POSITIVE_INFINITY],
  requestsPerSecondPerClient: [1, Number.POSITIVE_INFINITY],
  requestsPerSecondPerPrefix: [1, Number.POSITIVE_INFINITY],
  nameLengthMax: [1, Number.POSITIVE_INFINITY],
  transferMillisMax: [1, Number.POSITIVE_INFINITY],
  stalledMillisMax: [1, Number.POSITIVE_INFINITY],
  bytesPerSecond: [1000, Number.POSITIVE_INFINITY],
  bytesPerSecondPerTransfer: [1000, Number.POSITIVE_INFINITY],
  uploadBytesMax: [0, Number.POSITIVE_INFINITY],
  uploadTotalBytesMax: [0, Number.POSITIVE_INFINITY],
  cacheBytes: [0, Number.POSITIVE_INFINITY],
  strayErrorsPerSecond: [0, Number.POSITIVE_INFINITY],
  errorsPerSecond: [0, Number.POSITIVE_INFINITY],
  errorsPerSecondPerClient: [0, Number.POSITIVE_INFINITY],
  rollover: [0, 1],
};

/** The given limits over the defaults. Throws TftpError INVALID_ARGUMENT for a value out of
 * range. */
export function completeLimits(given: Partial<Limits> = {}): Limits {
  const limits = { ...defaultLimits, ...given };
  for (const [name, [least, most]] of Object.entries(ranges)) {
    const value = limits[name as keyof Limits];
    // What has a bound is counted, or goes over the wire; rates and amounts need not be whole.
    const whole = Number.isFinite(most);
    const fits = typeof value === "number" && value >= least && value <= most;
    if (fits && (!whole || Number.isInteger(value))) continue;
    throw new TftpError("INVALID_ARGUMENT", `${name} is ${value}`, {
      hint: `Give a ${whole ? "whole " : ""}number from ${least} to ${most}.`,
    });
  }
  return limits;
}
