// get and put: wires the parts of a client together. Apart from `serve`, so that the command loads
// no server to fetch a file.

import { ask } from "./client/ask.ts";
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
  return new Download(async (sink, left) => {
    const signal = options.signal ? AbortSignal.any([options.signal, left]) : left;
    return begin(target, { op: "rrq", sink }, { ...options, signal });
  });
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

async function begin(
  target: Target,
  cargo: Cargo,
  options: TransferOptions & { readonly tap?: PacketTap },
): Promise<TransferReport> {
  const { signal, onProgress, tap } = options;
  if (!onProgress && !tap) return ask(clientParts, target, cargo, options);
  return guarding(async (guard, failed) => {
    const parts = { ...clientParts, network: await networkFor(tap && guarded(tap, guard)) };
    return ask(parts, target, cargo, {
      ...options,
      signal: signal ? AbortSignal.any([signal, failed]) : failed,
      ...(onProgress ? { onProgress: guard((progress) => options.onProgress?.(progress)) } : {}),
    });
  });
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
