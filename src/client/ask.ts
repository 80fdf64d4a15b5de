// A transfer that we begin: finds the way to the server, offers options, and begins anew with fewer
// when the server cannot deal with them.

import type { Offer } from "../core/options.ts";
import type { Mode } from "../core/packet.ts";
import type { Address, Network } from "../ports.ts";
import { netasciiSink, netasciiSource } from "../transfer/netascii.ts";
import { soonAfterAbort, unlessAborted } from "./aborting.ts";
import {
  type Attempt,
  attempt,
  type Cargo,
  type ClientParts,
  Unanswered,
  Unmoved,
} from "./attempt.ts";
import { FarAway } from "./distance.ts";
import { checkOptions, offersFor, smallerOffer } from "./offers.ts";
import type { Target } from "./tftp-url.ts";
import type { TransferOptions, TransferReport } from "./transfer-options.ts";

/** Throws TftpError. The cargo is put away, later where its commit is still under way and fails;
 * nobody who aborts waits for that to come to its end. */
export function ask(
  parts: ClientParts,
  target: Target,
  given: Cargo,
  options: TransferOptions,
): Promise<TransferReport> {
  // What is being stored may be there in the end: only who stores it knows.
  let storing: Promise<void> | undefined;
  const onCommit = (stored: Promise<void>): void => {
    storing = stored;
    const end = (): void => void (storing = undefined);
    stored.then(end, end);
  };
  const work = askAll({ ...parts, onCommit, storing: () => storing }, target, given, options);
  const isStoring = (): boolean => storing !== undefined;
  return soonAfterAbort(work, { signal: options.signal, clock: parts.clock }, isStoring);
}

interface AskParts extends ClientParts {
  /** The commit, while it is under way. */
  readonly storing: () => Promise<void> | undefined;
}

async function askAll(
  parts: AskParts,
  target: Target,
  given: Cargo,
  options: TransferOptions,
): Promise<TransferReport> {
  const { network } = parts;
  const { signal } = options;
  let cargo = given;
  let done = false;
  try {
    checkOptions(options, given.op === "wrq" ? given.source.size : undefined);
    cargo = await unlessAborted(inMode(given, target.mode), signal);
    const hosts = await unlessAborted(network.resolve(target.host), signal);
    const servers = hosts.map((host) => ({ host, port: target.port }));
    const tsize = cargo.op === "rrq" ? 0 : cargo.source.size;
    const ways = await unlessAborted(waysTo(servers, network, { options, tsize }), signal);
    const attempts = options.retries ?? defaultRetries;
    // The requests that may follow one another share the patience of one.
    const openingAttempts = Math.ceil(attempts / ways.length);
    const plainToo = ways.some(({ offer }) => offer === undefined);
    const common = { target, cargo, options, attempts, openingAttempts, plainToo };
    const report = await inTurn(ways, ({ server, offer: first }) => {
      return withSmallerBlocks(first, options, (offer) => {
        const plan = { ...common, server, offer };
        return withWiderWindow(plan, (each) => attempt(parts, each));
      });
    });
    done = true;
    return report;
  } finally {
    const storing = parts.storing();
    if (storing) storing.catch(() => putAway(cargo));
    else if (cargo.op === "wrq" || !done) await putAway(cargo);
  }
}

/** What cannot even be put away must not hide why. */
export async function putAway(cargo: Cargo): Promise<void> {
  try {
    await (cargo.op === "wrq" ? cargo.source.close() : cargo.sink.discard());
  } catch {}
}

const defaultRetries = 6;

/** One address of the server, and what it is offered. */
interface Way {
  readonly server: Address;
  readonly offer: Offer | undefined;
}

/** Every address is offered the same before less is offered. Throws TftpError NETWORK where no
 * address can be reached. */
async function waysTo(
  servers: readonly Address[],
  network: Network,
  { options, tsize }: { readonly options: TransferOptions; readonly tsize: number | undefined },
): Promise<readonly Way[]> {
  const ways: (Way & { readonly turn: number })[] = [];
  let failure: unknown;
  for (const server of servers) {
    try {
      const path = { ...(await network.route(server)), ipv6: server.host.includes(":") };
      const offers = offersFor(options, path, tsize);
      ways.push(...offers.map((offer, turn) => ({ server, offer, turn })));
    } catch (thrown) {
      failure ??= thrown;
    }
  }
  if (ways.length === 0) throw failure;
  return ways.sort((a, b) => a.turn - b.turn);
}

/** A server that answers options with an ERROR, or not at all, may still know RFC 1350; one that is
 * silent may be there, or listen, at its other address only. */
async function inTurn(
  ways: readonly Way[],
  run: (way: Way) => Promise<TransferReport>,
): Promise<TransferReport> {
  let failure: unknown;
  let answered: Address | undefined;
  for (const way of ways) {
    if (answered && answered !== way.server) continue;
    try {
      return await run(way);
    } catch (thrown) {
      // Who has said no, and is silent to a smaller request, has said why.
      if (failure === undefined || isSilence(failure) || !isSilence(thrown)) failure = thrown;
      if (!(thrown instanceof Unanswered) || !thrown.mayHelpToAskLess) break;
      if (!isSilence(thrown)) answered = way.server;
    }
  }
  throw failure instanceof Unanswered ? failure.error : failure;
}

function isSilence(thrown: unknown): boolean {
  return thrown instanceof Unanswered && thrown.error.code === "TIMED_OUT";
}

/** Asked once; who refuses it is taken at his first word. */
async function withWiderWindow(
  plan: Attempt,
  run: (plan: Attempt) => Promise<TransferReport>,
): Promise<TransferReport> {
  try {
    return await run({ ...plan, mayWiden: (plan.options.windowsize ?? "auto") === "auto" });
  } catch (thrown) {
    if (!(thrown instanceof FarAway)) throw thrown;
    try {
      return await run({ ...plan, offer: thrown.offer });
    } catch (refused) {
      if (!(refused instanceof Unanswered) || !refused.mayHelpToAskLess) throw refused;
      return await run(plan);
    }
  }
}

/** As long as the server answers but no block comes through. */
async function withSmallerBlocks(
  offer: Offer | undefined,
  options: TransferOptions,
  run: (offer: Offer | undefined) => Promise<TransferReport>,
): Promise<TransferReport> {
  let lost: number | undefined;
  for (;;) {
    try {
      const report = await run(offer);
      return lost === undefined ? report : { ...report, hint: hintFor(lost, report.blksize) };
    } catch (thrown) {
      if (!(thrown instanceof Unmoved)) throw thrown;
      const smaller = smallerOffer(offer, thrown.blksize, options);
      if (!smaller || !thrown.mayTryAgain) throw thrown.error;
      lost = thrown.blksize;
      offer = smaller;
    }
  }
}

function hintFor(lost: number, blksize: number): string {
  return (
    `No block of ${lost} bytes came through, so large packets or fragments are dropped on the ` +
    `way; --blksize ${blksize} saves the time to find out.`
  );
}

/** Throws TftpError. */
async function inMode(cargo: Cargo, mode: Mode): Promise<Cargo> {
  if (mode === "octet") return cargo;
  if (cargo.op === "rrq") return { op: "rrq", sink: netasciiSink(cargo.sink) };
  return { op: "wrq", source: await netasciiSource(cargo.source) };
}
