// What kinds of clients need that no RFC says, in one table. They are recognised by their options,
// in order; a client that is not recognised is served as the RFCs say. Knows no machines.

import type { Agreed, Terms } from "../core/options.ts";
import type { Options } from "../core/packet.ts";
import type { Patience } from "../core/retransmission.ts";

export interface Profile {
  /** As logs and events show it. */
  readonly family: string;
  /** Of the options, as `blksize=1432 tsize=0`: names in lower case, values as they came. */
  readonly asks: RegExp;
  /** Repeat as soon as the path tells, and at the latest after this share of the timeout that it
   * asked for; by default after the whole. */
  readonly resendShare?: number;
  readonly windowsizeMax?: number;
  /** ERROR codes that it takes otherwise than they are meant, and what is sent instead. */
  readonly errorCodes?: ReadonlyMap<number, number>;
  /** Names are written with backslashes. */
  readonly backslashes?: true;
  /** It is known to count on after block 65535. */
  readonly rollsOver?: true;
}

/** U-Boot begins anew for ever after any ERROR but 1 and 2: what will not change becomes 2. */
const permanentAsDenied: ReadonlyMap<number, number> = new Map([
  [3, 2], // disk full, too large
  [4, 2],
  [6, 2], // already exists
  [7, 2],
  [8, 2],
]);

const table: readonly Profile[] = [
  { family: "ipxe", asks: /^blksize=1432 tsize=0$/, rollsOver: true },
  { family: "pxelinux", asks: /^tsize=0 blksize=1408$/ },
  // Older versions do not count on after block 65535.
  { family: "grub", asks: /^blksize=1024 tsize=0$/ },
  // Its first request, or its second one, which has no tsize.
  { family: "edk2", asks: /^(?:tsize=0 )?blksize=(?:1468|1228) windowsize=4$/ },
  {
    family: "u-boot",
    asks: /^timeout=\d+(?: tsize=\d+)? blksize=\d+(?: windowsize=\d+)?$/,
    // It gives up after about ten time-outs of its own in one transfer. If both ends waited equally
    // long, each loss would cost one of them. It always asks for five seconds.
    resendShare: 0.4,
    // Some of its network drivers stall when 32 packets come at once.
    windowsizeMax: 16,
    errorCodes: permanentAsDenied,
    rollsOver: true,
  },
  { family: "windows", asks: /(?:^| )msftwindow=/, backslashes: true, rollsOver: true },
  { family: "tftpd32", asks: /(?:^| )udpport=/ },
  { family: "slof", asks: /^blksize=1428$/ },
  // Asks for six seconds even next door.
  { family: "curl", asks: /^tsize=\d+ blksize=\d+ timeout=\d+$/, resendShare: 0.4 },
  { family: "atftp", asks: /(?:^| )multicast=(?: |$)/ },
];

const recognised = new WeakMap<Options, Profile | undefined>();

export function recognise(asked: Options): Profile | undefined {
  if (asked.size === 0) return undefined;
  if (!recognised.has(asked)) recognised.set(asked, find(asked));
  return recognised.get(asked);
}

function find(asked: Options): Profile | undefined {
  const text = [...asked].map(([name, { value }]) => `${name}=${value}`).join(" ");
  return table.find(({ asks }) => asks.test(text));
}

/** The name to look for. */
export function nameFor(profile: Profile | undefined, name: string): string {
  return profile?.backslashes ? name.replaceAll("\\", "/") : name;
}

/** What we are ready to agree to with such a client. */
export function termsFor(profile: Profile | undefined, terms: Terms): Terms {
  const { windowsizeMax } = profile ?? {};
  if (windowsizeMax === undefined || windowsizeMax >= terms.windowsizeMax) return terms;
  return { ...terms, windowsizeMax };
}

/** What then holds on our side, and how patient we are: as long as ever, in shorter steps. */
export function pacedFor(
  profile: Profile | undefined,
  agreed: Agreed,
  patience: Patience,
): { readonly agreed: Agreed; readonly patience: Patience } {
  const { exactTimeoutMillis, ...measured } = agreed;
  const share = profile?.resendShare;
  if (share === undefined || exactTimeoutMillis === undefined) return { agreed, patience };
  const longestMillis = exactTimeoutMillis * share;
  const attempts = Math.ceil(patience.attempts / share);
  return {
    agreed: measured,
    patience: { ...patience, timeoutMillis: longestMillis, longestMillis, attempts },
  };
}

/** The ERROR code that says to such a client what `code` means. */
export function errorCodeFor(profile: Profile | undefined, code: number): number {
  return profile?.errorCodes?.get(code) ?? code;
}

/** Whether block 65535 may be the last that such a client understands. */
export function mayStopAt65535(profile: Profile | undefined, asked: Options): boolean {
  return !profile?.rollsOver && !asked.has("rollover");
}
