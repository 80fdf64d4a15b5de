// Our client against servers that mostly do what they should: enough to get far, not enough to be
// trusted. Each transfer ends well or with a TftpError, in bounded time.

import assert from "node:assert/strict";
import { get, put, TftpError, type TransferOptions } from "../../src/index.ts";
import { type Asked, forgedServer } from "../hostile/forged-server.ts";
import { noise } from "../loopback/pair.ts";
import { ack, data, error, oack } from "../server/device.ts";
import { Random } from "../simulation/random.ts";
import { mutated } from "./mutation.ts";

const bytesMax = 60_000;
const hangMillis = 60_000;

export interface Endings {
  completed: number;
  failed: number;
}

/** Throws AssertionError for an error that is none of ours, and for a transfer that never ends. */
export async function hailClient(options: {
  readonly seed: number;
  readonly transfers: number;
}): Promise<Endings> {
  const random = new Random(options.seed);
  const endings: Endings = { completed: 0, failed: 0 };
  for (let done = 0; done < options.transfers; done += 10) {
    await Promise.all(Array.from({ length: 10 }, () => one(new Random(random.below(2 ** 31)))));
  }
  return endings;

  async function one(own: Random): Promise<void> {
    const server = await forgedServer((asked) => improvise(asked, own));
    const run = transfer(server.url, own);
    const hang = new Promise<never>((_, reject) => {
      const error = new assert.AssertionError({ message: "a transfer never ends" });
      setTimeout(() => reject(error), hangMillis).unref();
    });
    try {
      await Promise.race([run, hang]);
      endings.completed += 1;
    } catch (thrown) {
      assert.ok(thrown instanceof TftpError, `not ours: ${(thrown as Error).stack}`);
      assert.ok(thrown.message !== "" && thrown.message.length < 1000);
      endings.failed += 1;
    } finally {
      await server.close();
    }
  }
}

function transfer(url: string, random: Random): Promise<unknown> {
  const options: TransferOptions = {
    timeoutMillis: 30,
    retries: 2,
    bytesMax,
    ...random.pick<TransferOptions>([{}, { plain: true }, { blksize: 512, windowsize: 4 }]),
  };
  const mode = random.chance(0.2) ? ";mode=netascii" : "";
  if (random.chance(0.3)) return put(`${url}/x${mode}`, noise(random.below(20_000)), options);
  const run = get(`${url}/x${mode}`, options).bytes();
  return run.then((bytes) => assert.ok(bytes.length <= bytesMax, `${bytes.length} bytes`));
}

/** Answers what comes as a server would, or nearly. */
async function improvise(asked: Asked, random: Random): Promise<void> {
  const { request, send, next } = asked;
  if (request.options.size > 0 && random.chance(0.6)) {
    const size = random.pick([0, 5000, 100_000]);
    const larger = random.chance(0.1) ? 100_000 : 512;
    send(oack(random.pick([{ blksize: larger }, { tsize: size }, { windowsize: 4 }, { x: 1 }])));
  } else send(request.op === "rrq" ? data(1, noise(512)) : ack(0));
  for (let left = 200; left > 0; left--) {
    const heard = await next();
    if (!heard || heard.packet.op === "error") return;
    const block = "block" in heard.packet ? heard.packet.block : 0;
    if (random.chance(0.75)) {
      send(request.op === "rrq" ? data((block + 1) & 0xffff, noise(512)) : ack(block));
      continue;
    }
    random.pick<() => void>([
      () => send(mutated(random)),
      () => send(data((block + random.below(5)) & 0xffff, noise(random.below(600)))),
      () => send(data((block + 1) & 0xffff, noise(random.below(512)))),
      () => send(ack((block + random.below(5)) & 0xffff)),
      () => send(oack({ blksize: random.below(70_000) })),
      () => send(error(random.below(10), "no")),
      () => void asked.sendFromElsewhere(data((block + 1) & 0xffff, "forged")),
      () => {},
    ])();
  }
}
