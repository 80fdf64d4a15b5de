// The public API: serve, and all that others define. Wires the parts of a server together.

import { TftpError } from "./core/errors.ts";
import type { Millis } from "./core/packet.ts";
import { networkFor } from "./get-put.ts";
import { Doors } from "./net/doors.ts";
import type { BoundSocket, HandedOver } from "./net/handed-over.ts";
import type { Link } from "./net/link.ts";
import { marked } from "./net/precedence.ts";
import { wallClock } from "./net/wall-clock.ts";
import { publisher } from "./observe/channels.ts";
import type { PacketTap } from "./observe/tap.ts";
import type { Address, Sink, Storage } from "./ports.ts";
import type { ServerEvent, TransferInfo } from "./server/events.ts";
import { completeLimits, type Limits } from "./server/limits.ts";
import { allowAll, type Judge } from "./server/policy.ts";
import { checkRange, type PortRange } from "./server/port-range.ts";
import { TftpServer } from "./server/server.ts";
import type { ServerStats } from "./server/server-parts.ts";
import { Teller } from "./server/teller.ts";
import { UploadQuota } from "./server/upload-quota.ts";
import { withDigests } from "./storage/digests.ts";
import { type ExpectedUpload, ExpectedUploads, type ReceivedUpload } from "./storage/expected.ts";

export type { Download } from "./client/download.ts";
export { parseTftpUrl, type Target } from "./client/tftp-url.ts";
export type { Progress, TransferOptions, TransferReport } from "./client/transfer-options.ts";
export { TftpError, type TftpErrorCode } from "./core/errors.ts";
export type { Mode, Option, Options } from "./core/packet.ts";
export type { Run } from "./core/run.ts";
export { get, put } from "./get-put.ts";
export { type BoundSocket, HandedOver } from "./net/handed-over.ts";
export { inheritedSockets } from "./net/inherited.ts";
export type { Link, LinkMessage } from "./net/link.ts";
export type { PacketTap } from "./observe/tap.ts";
export type { Address, RequestInfo, Sink, Source, Storage } from "./ports.ts";
export type { Cause, Diagnosis } from "./server/diagnosis.ts";
export type { Ending, RefusedRequest, ServerEvent, TransferInfo } from "./server/events.ts";
export { defaultLimits, type Limits } from "./server/limits.ts";
export type { Judge, JudgedRequest, Verdict } from "./server/policy.ts";
export type { PortRange } from "./server/port-range.ts";
export { parseRule, type Rule, rules } from "./server/rules.ts";
export type { ServerStats } from "./server/server-parts.ts";
export { type DirectoryOptions, directory, fileNamed } from "./storage/directory.ts";
export type { ExpectedUpload, ReceivedUpload } from "./storage/expected.ts";
export { type FileSinkOptions, fileSink } from "./storage/file-sink.ts";
export { type Body, type Content, type GeneratedRequest, generated } from "./storage/generated.ts";
export { type LeftoversOptions, removeLeftovers } from "./storage/leftovers.ts";
export { type ManifestOptions, manifest } from "./storage/manifest.ts";
export { type MemoryStorage, memory } from "./storage/memory.ts";
export { type Mount, type Mounts, mounts, type Place } from "./storage/mounts.ts";
export { overlay } from "./storage/overlay.ts";
export { separate } from "./storage/separate.ts";

export interface ServeOptions {
  readonly storage: Storage;
  /** Addresses to listen on. Default: every local address, followed as they come and go. */
  readonly host?: string | readonly string[];
  /** UDP port; default 69. With 0 any free one, the same for all addresses. */
  readonly port?: number;
  /** Addresses with ports of their own, instead of `host` and `port`. */
  readonly listen?: readonly Address[];
  /** All packets leave from the port that was asked, which firewalls and NAT let through; default
   * false: from a port of the transfer (RFC 1350 4). */
  readonly singlePort?: boolean;
  /** Transfers take their ports from this range, for firewalls; default: any that is free. A range
   * of few ports is shared by many transfers. */
  readonly tidPorts?: PortRange;
  /** Agrees to blocks that do not fit one packet of the interface. Default: false, unless
   * `limits.blksizeMax` is given. */
  readonly fragments?: boolean;
  /** IP precedence of all answers (RFC 2474), 0 to 63. Linux with koffi only. */
  readonly dscp?: number;
  /** Descriptors of UDP sockets that are bound already, instead of all these: `inheritedSockets()`
   * names those of systemd. They are closed with the server. */
  readonly inherited?: readonly number[];
  /** Listening sockets of another process (`Server.bound`), taken where their addresses would be
   * opened. They are read once its `begin` is called. */
  readonly handedOver?: HandedOver;
  /** Whether uploads are told with their SHA-256; default true. It costs some 3 ms a megabyte where
   * the processor has no instructions for it. */
  readonly uploadDigests?: boolean;
  /** Several servers on one port, as the workers of a cluster: the system gives each of them its
   * share of the clients. Linux, or Node 22.12 on systems that know it. Default false. */
  readonly reusePort?: boolean;
  /** Whether a request to a broadcast address is answered, asked for each. All that share a port
   * hear it, and one of them is to answer. Default: it is. */
  readonly answersBroadcasts?: () => boolean;
  readonly judge?: Judge;
  readonly limits?: Partial<Limits>;
  /** Called for everything that happens. What it throws rejects `serve` or `close` while that runs,
   * which then has closed all; else it is not caught. */
  readonly onEvent?: (event: ServerEvent) => void;
  /** Is shown every datagram. */
  readonly tap?: PacketTap;
}

export interface Server extends AsyncDisposable {
  /** The first address that is listened on. */
  readonly address: Address;
  readonly addresses: readonly Address[];
  /** The listening sockets, for a process that is to take them over. */
  readonly bound: readonly BoundSocket[];
  /** The transfers that run now. */
  snapshot(): readonly TransferInfo[];
  /** Takes one upload of this name from this client, also where the server is read-only and its
   * judge would refuse it. Resolves when the client has had its last ACK; an attempt that fails
   * leaves the name armed. Rejects with TftpError: TIMED_OUT at the end of its life with the last
   * failure as cause, ABORTED when the server closes, INVALID_ARGUMENT for a wrong option or a name
   * that is armed already; or with the reason of `signal`. */
  expectUpload(expected: ExpectedUpload): Promise<ReceivedUpload>;
  /** A sink whose bytes count with those of all uploads (`uploadTotalBytesMax`), for what comes by
   * another way than TFTP. */
  countUpload(sink: Sink): Sink;
  /** Counts that cost nothing to ask for. */
  stats(): ServerStats;
  /** For requests from now on; what is left out has its default again. What counts over time stays
   * as it began: queue, cache, rates, quotas and the longest times. Throws TftpError
   * INVALID_ARGUMENT, and then changes nothing. */
  setLimits(limits: Partial<Limits>): void;
  /** Another process has the listening sockets (`bound`) and asks for them: they are closed here,
   * requests are for it, and what runs goes on by way of the link. Then `close` waits for that. */
  handOn(link: Link): Promise<void>;
  /** Takes no more requests; what runs may go on for `graceMillis` (default 0), then it is
   * ended. */
  close(options?: { readonly graceMillis?: Millis }): Promise<void>;
}

/** Starts a TFTP server. Resolves when it listens. Throws TftpError: NETWORK when it cannot listen,
 * INVALID_ARGUMENT without a storage or for a limit out of range. */
export async function serve(options: ServeOptions): Promise<Server> {
  const storage = storageOf(options);
  const { singlePort = false } = options;
  const expected = new ExpectedUploads();
  const judge = options.judge ?? allowAll;
  const publish = await publisher();
  const teller = new Teller((event) => {
    if (event.kind === "ended" && event.transfer.op === "wrq" && event.ending !== "replaced") {
      expected.handleEnded(event.transfer.client, event.error);
    }
    publish(event);
    options.onEvent?.(event);
  });
  const onEvent = (event: ServerEvent): void => teller.tell(event);
  checkPorts(options);
  const network = marked(await networkFor(options.tap), options.dscp);
  const limits = completeLimits(options.limits);
  const given = { blksizeMax: options.limits?.blksizeMax };
  const quota = new UploadQuota(limits.uploadTotalBytesMax);
  const server = new TftpServer({
    storage: expected.before(options.uploadDigests === false ? storage : withDigests(storage)),
    network,
    clock: wallClock,
    judge: (request) => {
      const { op, filename, client } = request;
      return op === "wrq" && expected.expects(filename, client)
        ? allowAll(request)
        : judge(request);
    },
    limits,
    quota,
    random: Math.random,
    singlePort,
    reusePort: options.reusePort,
    answersBroadcasts: options.answersBroadcasts,
    tidPorts: options.tidPorts,
    fragments: () => options.fragments ?? given.blksizeMax !== undefined,
    onEvent,
  });
  teller.keep();
  const doors = await Doors.open(options, network, {
    onSocket: (socket) => server.listen(socket),
    onBroadcast: (socket, answering) => server.listenBroadcast(socket, answering),
    onProblem: (error) => onEvent({ kind: "problem", error }),
  });
  const parts = { server, doors, expected, singlePort, limits, given, quota, teller };
  const running = new RunningServer(parts);
  try {
    teller.release();
  } catch (thrown) {
    await running.close();
    throw thrown;
  }
  return running;
}

interface RunningParts {
  readonly server: TftpServer;
  readonly doors: Doors;
  readonly expected: ExpectedUploads;
  readonly singlePort: boolean;
  /** The server's own. */
  readonly limits: Limits;
  /** Of them, where it is no default: it is meant, whatever fits one packet. */
  readonly given: { blksizeMax: number | undefined };
  readonly quota: UploadQuota;
  readonly teller: Teller;
}

class RunningServer implements Server {
  readonly #parts: RunningParts;

  constructor(parts: RunningParts) {
    this.#parts = parts;
  }

  get address(): Address {
    return this.addresses[0] as Address;
  }

  get addresses(): readonly Address[] {
    return this.#parts.doors.addresses;
  }

  get bound(): readonly BoundSocket[] {
    return this.#parts.doors.bound;
  }

  snapshot(): readonly TransferInfo[] {
    return this.#parts.server.snapshot();
  }

  expectUpload(expected: ExpectedUpload): Promise<ReceivedUpload> {
    return this.#parts.expected.arm(expected);
  }

  countUpload(sink: Sink): Sink {
    return this.#parts.quota.counts(sink);
  }

  stats(): ServerStats {
    return this.#parts.server.stats();
  }

  setLimits(limits: Partial<Limits>): void {
    const { server, given } = this.#parts;
    Object.assign(this.#parts.limits, completeLimits(limits));
    given.blksizeMax = limits.blksizeMax;
    server.admitWaiting();
  }

  handOn(link: Link): Promise<void> {
    const { server, doors, singlePort } = this.#parts;
    return doors.handOn(link, {
      bound: singlePort,
      passOn: (pass) => server.handOn((datagram, from, { local }) => pass(datagram, from, local)),
      end: (graceMillis) => void this.close({ graceMillis }),
    });
  }

  async close({ graceMillis = 0 }: { readonly graceMillis?: Millis } = {}): Promise<void> {
    const { server, doors, expected, singlePort, teller } = this.#parts;
    teller.keep();
    // What still runs, or begins, may need the port; else whoever comes next may have it now.
    const needed = singlePort || doors.needed || server.stats().opening > 0;
    // Who is to be told at once that nothing comes is told by the port that was asked.
    const ended = needed || graceMillis === 0 ? server.close(graceMillis) : undefined;
    await Promise.all([needed && ended, doors.release(graceMillis)]);
    await Promise.all([ended, doors.close()]);
    await server.close(graceMillis);
    expected.close();
    teller.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Without one every request would be refused, and nobody would know why. */
function storageOf(options: Partial<ServeOptions> | undefined): Storage {
  const storage = options?.storage;
  if (typeof storage?.openRead === "function") return storage;
  throw new TftpError("INVALID_ARGUMENT", "there is no storage to serve from", {
    hint: 'Give one, as in serve({ storage: directory("boot") }).',
  });
}

function checkPorts({ tidPorts, singlePort }: ServeOptions): void {
  if (tidPorts) checkRange(tidPorts);
  if (!tidPorts || !singlePort) return;
  throw new TftpError("INVALID_ARGUMENT", "a single port leaves no range to choose from", {
    hint: "Give either singlePort or tidPorts.",
  });
}
