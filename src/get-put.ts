// get and put: wires the parts of a client together. Apart from `serve`, so that the command loads
// no server to fetch a file.

import { ask, putAway } from "./client/ask.ts";
import { type Cargo, type ClientParts, fewLingering } from "./client/attempt.ts";
import { Download } from "./client/download.ts";
import { type Guard, guarding } from "./client/guarding.ts";
import { parseTftpUrl, type Target } from "./client/tftp-url.ts";
import type { TransferOptions, TransferReport } from "./client/transfer-options.ts";
import { TftpError } from "./core/errors.ts";
import { nodeNetwork } from "./net/node-network.ts";
import { wallClock } from "./net/wall-clock.ts";
import type { PacketTap } from "./observe/tap.ts";
import type { Network, Source } from "./ports.ts";
import { isStream, sourceOf } from "./storage/sources.ts";

/** Fetches a file: `await get("tftp://192.0.2.1/boot.img").bytes()`. Asks nothing of the server
 * before the result is read. Throws TftpError INVALID_ARGUMENT for a URL that is none. */
export function get(
  url: string | URL,
  options: TransferOptions & { readonly tap?: PacketTap } = {},
): Download {
  const target = parseTftpUrl(String(url));
  return new Download((sink, left) => begin(target, { op: "rrq", sink }, options, left));
}

/** Brings a file. Resolves when the server has acknowledged the last block. Throws TftpError. */
export async function put(
  url: string | URL,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: TransferOptions & { readonly size?: number; readonly tap?: PacketTap } = {},
): Promise<TransferReport> {
  if (!isStream(body)) {
    throw new TftpError("INVALID_ARGUMENT", "the content is neither bytes nor a stream of them", {
      hint: "Buffer.from() makes bytes of a text or an ArrayBuffer.",
    });
  }
  const source = opened(body, options.size);
  let target: Target;
  try {
    target = parseTftpUrl(String(url));
  } catch (thrown) {
    await source.close();
    throw thrown;
  }
  return begin(target, { op: "wrq", source }, options);
}

function opened(body: Parameters<typeof put>[1], size: number | undefined): Source {
  try {
    return sourceOf(body, size);
  } catch (thrown) {
    throw TftpError.from(thrown, "the content cannot be read");
  }
}

const clientParts: ClientParts = {
  network: nodeNetwork,
  clock: wallClock,
  random: Math.random,
  lingering: fewLingering(),
};

/** Puts the cargo away in every case, also where what watches is none. `left`: it, too, ends the
 * transfer. */
async function begin(
  target: Target,
  cargo: Cargo,
  options: TransferOptions & { readonly tap?: PacketTap },
  left?: AbortSignal,
): Promise<TransferReport> {
  let begun = false;
  const run = async (guard?: Guard, failed?: AbortSignal): Promise<TransferReport> => {
    const { onProgress, tap, signal } = options;
    const network = await networkFor(tap && guard && guarded(tap, guard));
    const signals = [signal, left, failed].filter((each) => !!each);
    const [first, second] = signals;
    const all: TransferOptions = {
      ...options,
      ...(first ? { signal: second ? AbortSignal.any(signals) : first } : {}),
      ...(onProgress && guard ? { onProgress: guard((of) => options.onProgress?.(of)) } : {}),
    };
    begun = true;
    return ask({ ...clientParts, network }, target, cargo, all);
  };
  try {
    return await (options.onProgress || options.tap ? guarding(run) : run());
  } catch (thrown) {
    if (!begun) await putAway(cargo);
    throw thrown;
  }
}

/** What a tap leaves out still costs nothing. */
function guarded(tap: PacketTap, guard: Guard): PacketTap {
  const { sent, received, moment, opened, closed, routed } = tap;
  return {
    ...(sent ? { sent: guard(sent.bind(tap)) } : {}),
    ...(received ? { received: guard(received.bind(tap)) } : {}),
    ...(moment ? { moment: guard(moment.bind(tap)) } : {}),
    ...(opened ? { opened: guard(opened.bind(tap)) } : {}),
    ...(closed ? { closed: guard(closed.bind(tap)) } : {}),
    ...(routed ? { routed: guard(routed.bind(tap)) } : {}),
  };
}

/** What watches is loaded when it is wanted. */
export async function networkFor(tap: PacketTap | undefined): Promise<Network> {
  if (!tap) return nodeNetwork;
  const { tappedNetwork } = await import("./observe/tap.ts");
  return tappedNetwork(nodeNetwork, tap);
}
