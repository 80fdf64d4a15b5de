// Servers that no client should trust, each a few lines of script. What they answer goes to the
// client's port from a port of their own, as a server's would.

import type { Request } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";
import { noise } from "../loopback/pair.ts";
import { ack, data, error, oack, type WireOptions, wire } from "../server/device.ts";
import { type Heard, RawClient } from "./raw-client.ts";

/** One request that came, and how to answer it. */
export interface Asked {
  readonly request: Request;
  readonly send: (datagram: Uint8Array) => void;
  /** From a port and perhaps an address that the client has not heard of. */
  readonly sendFromElsewhere: (datagram: Uint8Array, host?: string) => Promise<void>;
  /** What the client says next; undefined when it has been silent for long. */
  readonly next: () => Promise<Heard | undefined>;
  /** Again and again, until the server is closed. */
  readonly repeat: (everyMillis: number, act: () => void) => void;
}

export type Script = (asked: Asked) => Promise<void>;

export interface ForgedServer {
  readonly url: string;
  /** Requests that came. */
  readonly asked: number;
  close(): Promise<void>;
}

export async function forgedServer(script: Script): Promise<ForgedServer> {
  const port = await RawClient.open();
  const opened = new Set<RawClient>([port]);
  const timers = new Set<NodeJS.Timeout>();
  let asked = 0;
  let closed = false;
  const open = async (host?: string): Promise<RawClient> => {
    const socket = await RawClient.open(host);
    opened.add(socket);
    return socket;
  };
  const answer = async (request: Request, client: Address): Promise<void> => {
    const tid = await open();
    await script({
      request,
      send: (datagram) => tid.send(datagram, client),
      sendFromElsewhere: async (datagram, host) => (await open(host)).send(datagram, client),
      next: () => tid.next(3000),
      repeat: (everyMillis, act) => timers.add(setInterval(act, everyMillis)),
    });
  };
  const serve = async (): Promise<void> => {
    while (!closed) {
      const heard = await port.next(200);
      const op = heard?.packet.op;
      if (!heard || (op !== "rrq" && op !== "wrq")) continue;
      asked += 1;
      void answer(heard.packet as Request, heard.from);
    }
  };
  const serving = serve();
  return {
    url: `tftp://127.0.0.1:${port.address.port}`,
    get asked() {
      return asked;
    },
    async close() {
      closed = true;
      for (const timer of timers) clearInterval(timer);
      await serving;
      await Promise.all([...opened].map((socket) => socket.close()));
    },
  };
}

const full = noise(512);

/** Answers each ACK with the next full block. */
async function sendForEver({ send, next }: Asked, payload: Uint8Array = full): Promise<void> {
  for (let block = 1; ; block++) {
    send(data(block & 0xffff, payload));
    const heard = await next();
    if (heard?.packet.op !== "ack") return;
  }
}

function badAnswer(answer: WireOptions): Script {
  return async ({ send }) => send(oack(answer));
}

/** Downloads that must fail: how the server behaves, and what the client says of it. */
export const badDownloads: readonly (readonly [what: string, says: RegExp, script: Script])[] = [
  ["an endless file", /:\d+: .* has more than 100000 bytes/, (asked) => sendForEver(asked)],
  [
    "an endless file that is announced as small",
    /:\d+: .* has more than 100000 bytes/,
    async (asked) => {
      asked.send(oack({ blksize: 512, tsize: 5 }));
      await asked.next();
      await sendForEver(asked);
    },
  ],
  [
    "a size beyond the limit",
    /:\d+: .* has more than 100000 bytes/,
    async ({ send }) => send(oack({ tsize: 100_001 })),
  ],
  [
    "the same block for ever",
    /the peer stopped answering/,
    async ({ send, repeat }) => {
      send(data(1, full));
      repeat(120, () => send(data(1, full)));
    },
  ],
  [
    "the same OACK for ever",
    /the peer stopped answering/,
    async ({ send, repeat }) => {
      send(oack({ blksize: 512 }));
      repeat(120, () => send(oack({ blksize: 512 })));
    },
  ],
  [
    "blocks with a gap that is never closed",
    /the peer stopped answering/,
    async ({ send, repeat }) => {
      let block = 1;
      send(data(1, full));
      repeat(15, () => send(data((block += 2) & 0xffff, full)));
    },
  ],
  [
    "two blocks, then nothing",
    /the peer stopped answering/,
    async ({ send, next }) => {
      send(data(1, full));
      await next();
      send(data(2, full));
    },
  ],
  [
    "ERROR upon ERROR",
    /answered "no, no, no" \(ERROR 0\)/,
    async ({ send, repeat }) => repeat(2, () => send(error(0, "no, no, no"))),
  ],
  [
    "an ERROR of 60,000 characters with escape sequences",
    /answered "x \[31mx \[31mx.{1,400}…" \(ERROR 1\)/,
    async ({ send }) => send(error(1, "x\x1b[31m".repeat(10_000))),
  ],
  [
    "DATA that is longer than agreed",
    /DATA longer than 512 bytes/,
    async ({ send }) => send(data(1, noise(513))),
  ],
  ["an OACK with what was not asked", /the server answered colour/, badAnswer({ colour: "red" })],
  ["an OACK with a larger block", /the server answered/, badAnswer({ blksize: 65_465 })],
  ["an OACK with a block of 0", /the server answered/, badAnswer({ blksize: 0 })],
  ["an OACK with a larger window", /the server answered/, badAnswer({ windowsize: 65_535 })],
  ["an OACK with a window of 0", /the server answered/, badAnswer({ windowsize: 0 })],
  ["an OACK with a size that is none", /the server answered/, badAnswer({ tsize: "-1" })],
  [
    "an OACK with 3000 options",
    /the server answered/,
    badAnswer(Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`option${at}`, at]))),
  ],
  ["garbage", /no answer/, async ({ send }) => send(wire("\0\x09garbage"))],
  ["empty datagrams", /no answer/, async ({ send, repeat }) => repeat(5, () => send(wire("")))],
  [
    "the last block only",
    /no answer/,
    async ({ send, repeat }) => repeat(5, () => send(data(7, "end"))),
  ],
  [
    "ACKs instead of DATA",
    /no answer|stopped answering/,
    async ({ send, repeat }) => repeat(5, () => send(ack(0))),
  ],
  [
    "answers from another address",
    /no answer/,
    ({ sendFromElsewhere }) => sendFromElsewhere(data(1, "forged"), "127.0.0.2"),
  ],
];

/** Uploads that must fail. */
export const badUploads: readonly (readonly [what: string, says: RegExp, script: Script])[] = [
  ["nothing", /no answer/, async () => {}],
  [
    "the same ACK for ever",
    /the peer stopped answering/,
    async ({ send, repeat }) => repeat(5, () => send(ack(0))),
  ],
  [
    "ACKs of what was not sent",
    /the peer stopped answering/,
    async ({ send, repeat }) => {
      send(ack(0));
      repeat(5, () => send(ack(40_000)));
    },
  ],
  [
    "the same OACK for ever",
    /the peer stopped answering/,
    async ({ send, repeat }) => repeat(5, () => send(oack({ blksize: 512 }))),
  ],
  [
    "DATA instead of ACKs",
    /no answer/,
    async ({ send, repeat }) => repeat(5, () => send(data(1, full))),
  ],
  [
    "an ERROR in mid-transfer, for ever",
    /answered "the disk is full" \(ERROR 3\)/,
    async ({ send, next, repeat }) => {
      send(ack(0));
      await next();
      repeat(2, () => send(error(3, "the disk is full")));
    },
  ],
  ["an OACK with a larger block", /the server answered/, badAnswer({ blksize: 65_465 })],
];
