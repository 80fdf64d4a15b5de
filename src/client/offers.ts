// Which options a client asks for: what the caller fixed, and for "auto" what path and buffers
// hold.

import { TftpError } from "../core/errors.ts";
import type { Offer } from "../core/options.ts";
import type { TransferOptions } from "./transfer-options.ts";

/** What the automatic choice rests on. */
export interface Path {
  /** In bytes, of the interface that leads to the server. */
  readonly mtu: number;
  readonly ipv6: boolean;
  readonly receiveBufferBytes: number;
}

const blksizeLeast = 512;
const blksizeMost = 65_464;
/** Of what `tsize` can tell. */
const sizeMost = 999_999_999_999_999;
const ethernetMtu = 1500;
/** Servers exist that refuse more than 64 blocks instead of answering less. */
const windowsizeMost = 64;

/** What is offered in turn: first with all that helps, then only with what the caller insists
 * on. */
export function offersFor(
  options: TransferOptions,
  path: Path,
  tsize: number | undefined,
): readonly (Offer | undefined)[] {
  if (options.plain) return [undefined];
  const { blksize = "auto", windowsize = "auto", timeoutMillis, rollover } = options;
  const fixed: Offer = {
    ...(blksize === "auto" ? {} : { blksize }),
    ...(windowsize === "auto" ? {} : { windowsize }),
    ...(timeoutMillis === undefined || timeoutMillis % 1000 !== 0
      ? {}
      : { timeoutSeconds: timeoutMillis / 1000 }),
    ...(rollover === undefined ? {} : { rollover }),
  };
  const size = tsize === undefined ? {} : { tsize };
  if (blksize !== "auto" && windowsize !== "auto") return [{ ...fixed, ...size }];
  const autoBlksize = fitting(path, fixed.windowsize ?? 1);
  const auto: Offer = {
    blksize: autoBlksize,
    windowsize: windowFor(fixed.blksize ?? autoBlksize, path),
    ...fixed,
    ...size,
  };
  return [auto, Object.keys(fixed).length > 0 ? fixed : undefined];
}

/** What every path carries that carries IPv6, and then what every path carries. */
const smallerBlocks: readonly number[] = [1024, blksizeLeast];

/** What to offer when no block of `blksize` came through, unless the caller insists on it. */
export function smallerOffer(
  offer: Offer | undefined,
  blksize: number,
  options: TransferOptions,
): Offer | undefined {
  const smaller = smallerBlocks.find((size) => size < blksize);
  const fixed = typeof options.blksize === "number";
  return offer && smaller && !fixed ? { ...offer, blksize: smaller } : undefined;
}

/** The largest block that needs no fragments. Where packets may be huge, a window that the caller
 * fixed must still fit the receive buffer; Ethernet's block is not cut down for that. */
function fitting({ mtu, ipv6, receiveBufferBytes }: Path, windowsize: number): number {
  const headers = (ipv6 ? 40 : 20) + 8 + 4;
  const held = Math.max(ethernetMtu - headers, Math.floor(receiveBufferBytes / windowsize));
  return Math.min(blksizeMost, held, Math.max(blksizeLeast, mtu - headers));
}

/** No more than the receive buffer holds, for what does not fit is lost. */
function windowFor(blksize: number, { receiveBufferBytes }: Path): number {
  const held = Math.floor(receiveBufferBytes / blksize);
  return Math.min(windowsizeMost, Math.max(1, held));
}

/** `size`: of what is sent. Throws TftpError INVALID_ARGUMENT. */
export function checkOptions(options: TransferOptions, size: number | undefined): void {
  const { blksize = "auto", windowsize = "auto" } = options;
  if (blksize !== "auto") check("blksize", blksize, 8, blksizeMost);
  if (windowsize !== "auto") check("windowsize", windowsize, 1, 65_535);
  check("timeoutMillis", options.timeoutMillis, 1, 255_000);
  check("retries", options.retries, 0, 1000);
  check("rollover", options.rollover, 0, 1);
  check("bytesMax", options.bytesMax, 0, Number.MAX_SAFE_INTEGER);
  check("size", size, 0, sizeMost);
}

function check(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw new TftpError("INVALID_ARGUMENT", `${name} is ${value}`, {
    hint: `Give a whole number from ${least} to ${most}.`,
  });
}
