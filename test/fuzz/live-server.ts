// A real server over loopback between a hail of damaged, forged and out-of-order datagrams and good
// clients that must all be served. Everything is drawn from a seed; what the timing of sockets adds
// is not.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directory, get, put, type Server, type ServerEvent, serve } from "../../src/index.ts";
import { type Heard, RawClient } from "../hostile/raw-client.ts";
import { noise } from "../loopback/pair.ts";
import { ack, data, error, oack, rrq, wrq } from "../server/device.ts";
import { Random } from "../simulation/random.ts";
import { mutated } from "./mutation.ts";

export interface Hail {
  readonly seed: number;
  /** How many hostile datagrams are sent. */
  readonly packets: number;
}

export interface Aftermath {
  /** Transfers that the hail had the server begin, the good ones included. */
  readonly transfers: number;
  readonly good: number;
  readonly answers: number;
}

const attackers = 12;
/** A good transfer for so many hostile datagrams. */
const packetsPerGood = 60;
const sizes = [0, 1, 512, 5000, 100_001];

/** Throws AssertionError when the server failed a good client, leaked or left something. */
export async function hailServer({ seed, packets }: Hail): Promise<Aftermath> {
  const random = new Random(seed);
  const above = await mkdtemp(join(tmpdir(), "tidewire-fuzz-"));
  const root = join(above, "root");
  await mkdir(root);
  for (const size of sizes) await writeFile(join(root, `good-${size}`), noise(size));
  await writeFile(join(root, "x"), noise(3000));
  const record = new Record();
  const server = await serve({
    storage: directory(root, { uploads: "overwrite" }),
    host: "127.0.0.1",
    port: 0,
    limits: { timeoutMillis: 100, retries: 2, uploadBytesMax: 200_000 },
    onEvent: (event) => record.take(event),
  });
  const raws = await Promise.all(Array.from({ length: attackers }, () => RawClient.open()));
  const good: Promise<void>[] = [];
  try {
    const memory: Heard[] = [];
    for (let sent = 1; sent <= packets; sent++) {
      attack(random, random.pick(raws), server, memory);
      if (sent % packetsPerGood === 0) good.push(goodTransfer(random, server, good.length));
      if (sent % 20 > 0) continue;
      await new Promise((soon) => setImmediate(soon));
      for (const raw of raws) memory.push(...raw.drain());
      memory.splice(0, memory.length - 50);
    }
    await Promise.all(good);
    await record.settled();
    assert.deepEqual(server.snapshot(), []);
    assert.deepEqual(record.problems, []);
    const answers = raws.reduce((sum, { heard }) => sum + heard, 0);
    return { transfers: record.begun, good: good.length, answers };
  } finally {
    await Promise.allSettled(good);
    await Promise.all([server.close(), ...raws.map((raw) => raw.close())]);
    const [left, outside] = [await readdir(root), await readdir(above)];
    await rm(above, { recursive: true, force: true });
    assert.deepEqual(outside, ["root"]);
    assert.deepEqual(
      left.filter((name) => name.endsWith(".part")),
      [],
    );
  }
}

/** What the server says of its transfers. */
class Record {
  begun = 0;
  readonly problems: string[] = [];
  #open = 0;
  #onChange: () => void = () => {};

  take(event: ServerEvent): void {
    if (event.kind === "problem") this.problems.push(String(event.error.cause ?? event.error));
    if (event.kind === "started") this.begun += 1;
    if (event.kind === "started") this.#open += 1;
    if (event.kind === "ended") this.#open -= 1;
    this.#onChange();
  }

  /** Each transfer that was begun has ended. */
  async settled(): Promise<void> {
    const deadline = AbortSignal.timeout(60_000);
    while (this.#open > 0) {
      await new Promise<void>((resolve, reject) => {
        this.#onChange = resolve;
        deadline.onabort = () => reject(new assert.AssertionError({ message: "never settled" }));
      });
    }
  }
}

/** One datagram: a damaged one of the corpus, or one that fits what somebody has heard. */
function attack(random: Random, raw: RawClient, { address }: Server, heard: readonly Heard[]) {
  const answer = heard.length > 0 && random.chance(0.6) ? random.pick(heard) : undefined;
  if (!answer) return raw.send(random.chance(0.3) ? request(random) : unhurried(random), address);
  const { packet } = answer;
  const block = "block" in packet ? packet.block : 0;
  const near = (block + random.pick([0, 0, 0, 1, 1, 2, -1, 7, 32_768])) & 0xffff;
  const to = random.chance(0.9) ? answer.from : address;
  raw.send(
    random.pick<() => Uint8Array>([
      () => ack(near),
      () => ack(near),
      () => data(near, noise(random.pick([512, 512, 0, 1, 8, 513, 1428]))),
      () => data(near, noise(512)),
      () => oack({ blksize: random.below(70_000) }),
      () => error(random.below(10), "x".repeat(random.below(100))),
      () => unhurried(random),
      () => answer.bytes,
    ])(),
    to,
  );
}

/** A negotiated timeout of minutes would hold its transfer longer than anybody wants to watch. */
function unhurried(random: Random): Uint8Array {
  const bytes = mutated(random);
  return /timeout/i.test(bytes.toString("latin1")) ? rrq("x") : bytes;
}

function request(random: Random): Uint8Array {
  const name = random.pick(["x", "good-5000", "good-100001", "../x", "up-1", "up-2", ""]);
  const options = random.pick([
    {},
    { blksize: random.below(70_000) },
    { blksize: 8, windowsize: 64, tsize: random.below(300_000) },
    { windowsize: random.below(70_000), rollover: random.below(3) },
  ]);
  return random.chance(0.6) ? rrq(name, options) : wrq(`up-${random.below(5)}`, options);
}

async function goodTransfer(random: Random, { address }: Server, index: number): Promise<void> {
  const size = random.pick(sizes);
  const url = `tftp://127.0.0.1:${address.port}`;
  const options = random.pick([{}, { plain: true }, { blksize: 1428, windowsize: 8 }]);
  const bytes = noise(size);
  if (random.chance(0.7)) {
    const got = await get(`${url}/good-${size}`, options).bytes();
    assert.equal(Buffer.compare(got, bytes), 0, `good-${size} came back other`);
  } else {
    await put(`${url}/mine-${index}`, bytes, options);
    const got = await get(`${url}/mine-${index}`).bytes();
    assert.equal(Buffer.compare(got, bytes), 0, `mine-${index} came back other`);
  }
}
