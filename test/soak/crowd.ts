// The clients of a soak: good, broken, slow, mute and aborting ones, a few a second, drawn from a
// seed. What a good one finds wrong is a fault.

import { get, put, type TransferOptions } from "../../src/index.ts";
import type { Address } from "../../src/ports.ts";
import { RawClient } from "../hostile/raw-client.ts";
import { noise } from "../loopback/pair.ts";
import { ack, data, error, rrq, type WireOptions, wire, wrq } from "../server/device.ts";
import { Random } from "../simulation/random.ts";

/** Files that the server has, by name: the length of their noise. */
export const files: ReadonlyMap<string, number> = new Map(
  [0, 1, 511, 512, 20_000, 65_536, 150_001].map((length) => [`noise-${length}`, length]),
);

/** Names that uploads take. */
const uploads = 20;

export interface Crowd {
  /** How many clients of each kind have begun. */
  readonly begun: ReadonlyMap<string, number>;
  /** Clients that are at it. */
  readonly running: number;
  /** Datagrams that the raw clients sent and heard; the good ones' are not counted. */
  readonly datagrams: number;
  readonly faults: readonly string[];
  /** Sends no more clients, and resolves when the last has gone. */
  stop(): Promise<void>;
}

interface World {
  readonly server: Address;
  readonly random: Random;
  readonly faults: string[];
}

type Client = (world: World, raw: RawClient) => Promise<void>;

/** Each kind with its number a second. */
const kinds: readonly (readonly [name: string, perSecond: number, client: Client])[] = [
  ["good get", 6, goodGet],
  ["good put", 2, goodPut],
  ["aborting get", 1, abortingGet],
  ["aborting put", 1, abortingPut],
  ["mute after its request", 0.5, muteGet],
  ["mute in mid-upload", 0.5, mutePut],
  ["slow get", 0.5, slowGet],
  ["stray and broken packets", 2, broken],
  ["refused name", 1, refused],
];

const turnMillis = 100;

export function startCrowd(server: Address, seed: number): Crowd {
  const world: World = { server, random: new Random(seed), faults: [] };
  const begun = new Map<string, number>();
  const running = new Set<Promise<void>>();
  let datagrams = 0;
  const begin = async (name: string, client: Client): Promise<void> => {
    begun.set(name, (begun.get(name) ?? 0) + 1);
    const raw = await RawClient.open();
    try {
      await client(world, raw);
    } catch (thrown) {
      world.faults.push(`${name}: ${(thrown as Error).message}`);
    } finally {
      datagrams += raw.sent + raw.heard;
      await raw.close();
    }
  };
  const timer = setInterval(() => {
    for (const [name, perSecond, client] of kinds) {
      if (!world.random.chance((perSecond * turnMillis) / 1000)) continue;
      const run: Promise<void> = begin(name, client).finally(() => running.delete(run));
      running.add(run);
    }
  }, turnMillis);
  return {
    begun,
    faults: world.faults,
    get running() {
      return running.size;
    },
    get datagrams() {
      return datagrams;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

const habits: readonly TransferOptions[] = [
  {},
  { plain: true },
  { blksize: 1428, windowsize: 8 },
  { blksize: 1024, timeoutMillis: 1000 },
];

async function goodGet({ server, random, faults }: World): Promise<void> {
  const [name, length] = random.pick([...files]);
  const habit = random.pick(habits);
  const bytes = await get(urlOf(server, name), habit).bytes();
  if (Buffer.compare(bytes, noise(length)) !== 0) faults.push(`${name} came back other`);
}

async function goodPut({ server, random }: World): Promise<void> {
  const body = noise(random.below(60_000));
  await put(urlOf(server, uploadName(random)), body, random.pick(habits));
}

async function abortingGet({ server, random }: World, raw: RawClient): Promise<void> {
  raw.send(rrq("noise-150001", optionsOf(random)), server);
  const last = await acknowledge(raw, random.below(10));
  if (last) raw.send(error(0, "aborted"), last);
}

async function abortingPut({ server, random }: World, raw: RawClient): Promise<void> {
  const tid = await beginUpload(raw, server, random);
  if (tid) raw.send(error(random.below(9), "aborted"), tid);
}

async function muteGet({ server, random }: World, raw: RawClient): Promise<void> {
  raw.send(rrq("noise-150001", optionsOf(random)), server);
  await raw.next(2000);
}

async function mutePut({ server, random }: World, raw: RawClient): Promise<void> {
  await beginUpload(raw, server, random);
}

/** An ACK every 300 ms, for some ten seconds; then it is gone. */
async function slowGet({ server, random }: World, raw: RawClient): Promise<void> {
  raw.send(rrq("noise-150001", optionsOf(random)), server);
  await acknowledge(raw, 30, 300);
}

async function broken({ server, random }: World, raw: RawClient): Promise<void> {
  raw.send(rrq("noise-65536"), server);
  const first = await raw.next(2000);
  const tid = first?.from ?? server;
  for (let left = 12; left > 0; left--) {
    const bytes = random.pick<() => Uint8Array>([
      () => noise(random.below(600), random.below(1000)),
      () => ack(random.below(65_536)),
      () => data(random.below(65_536), noise(random.below(513))),
      () => rrq("x".repeat(random.below(3000))).subarray(0, random.below(3000)),
      () => wire("\0\x01noise-511\0octet\0blksize\0-1\0tsize\0x\0windowsize\x0099999\0"),
      () => Buffer.alloc(0),
      () => wire("\0\x06blksize\x292\0"),
    ])();
    raw.send(bytes, random.chance(0.5) ? tid : server);
  }
  raw.send(error(0), tid);
}

async function refused({ server, random }: World, raw: RawClient): Promise<void> {
  const names = ["missing", "../../etc/passwd", "noise-1/x", ".hidden", "a\x1b[31m", "\\\\x"];
  raw.send(rrq(random.pick(names)), server);
  const answer = await raw.next(2000);
  if (answer?.packet.op !== "error") throw new Error(`${answer?.packet.op} instead of an ERROR`);
}

/** Begins an upload, brings a few blocks; where it goes on. */
async function beginUpload(
  raw: RawClient,
  server: Address,
  random: Random,
): Promise<Address | undefined> {
  raw.send(wrq(uploadName(random)), server);
  const first = await raw.next(2000);
  if (first?.packet.op !== "ack") return undefined;
  for (let block = 1; block <= random.below(8); block++) {
    raw.send(data(block, noise(512)), first.from);
    await raw.next(2000);
  }
  return first.from;
}

/** Acknowledges so many packets; who sent the last. */
async function acknowledge(
  raw: RawClient,
  count: number,
  pauseMillis = 0,
): Promise<Address | undefined> {
  let from: Address | undefined;
  for (let left = count; left >= 0; left--) {
    const heard = await raw.next(2000);
    if (!heard) return from;
    from = heard.from;
    if (heard.packet.op === "error" || left === 0) return from;
    if (pauseMillis > 0) await new Promise((over) => setTimeout(over, pauseMillis));
    raw.send(ack(heard.packet.op === "data" ? heard.packet.block : 0), from);
  }
  return from;
}

function optionsOf(random: Random): WireOptions {
  return random.pick<WireOptions>([{}, { blksize: 1024 }, { blksize: 512, windowsize: 8 }]);
}

function uploadName(random: Random): string {
  return `upload-${random.below(uploads)}`;
}

function urlOf({ host, port }: Address, name: string): string {
  return `tftp://${host}:${port}/${name}`;
}
