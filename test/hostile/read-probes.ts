// What a server makes of hostile or strange clients that ask and read.

import { get } from "../../src/index.ts";
import { mutated } from "../fuzz/mutation.ts";
import { noise } from "../loopback/pair.ts";
import { ack, error, rrq, valuesOf, wire } from "../server/device.ts";
import { Random } from "../simulation/random.ts";
import {
  all,
  answerMillis,
  ask,
  bad,
  describe,
  good,
  type Probe,
  urlOf,
  withRaw,
} from "./probe.ts";

/** A file of 20 blocks and a bit that each subject has. */
export const blocksFile = { name: "blocks", bytes: noise(20 * 512 + 9) } as const;
/** More than 65,535 blocks of 512 bytes. */
export const rolloverFile = { name: "rollover", bytes: noise(65_540 * 512 + 3) } as const;
/** Lies beside the root, and must not be had. */
export const secretFile = { name: "secret", text: "not for you" } as const;

const strayAck: Probe = {
  question: "a stray ACK at the listening port",
  run: async (subject, raw) => {
    const answer = await ask(subject, raw, ack(1));
    const said = describe(answer);
    return said === "silent" || said.startsWith("ERROR") ? good(said) : bad(said);
  },
};

const strayError: Probe = {
  question: "an ERROR at the listening port",
  run: async (subject, raw) => {
    const said = describe(await ask(subject, raw, error(0)));
    return said === "silent" ? good(said) : bad(`answered by ${said}`);
  },
};

const abort: Probe = {
  question: "an ERROR in a transfer",
  run: async (subject, raw) => {
    const first = await ask(subject, raw, rrq(blocksFile.name));
    if (!first) return bad("does not answer the request");
    raw.send(error(0), first.from);
    const after = await all(raw, 3000);
    if (after.some(({ packet }) => packet.op === "error")) return bad("answered by an ERROR");
    return after.length === 0 ? good("ends at once") : bad(`${after.length} more packets in 3 s`);
  },
};

const strangers: Probe = {
  question: "an ACK and an ERROR from another port",
  run: async (subject, raw) => {
    const first = await ask(subject, raw, rrq(blocksFile.name));
    if (!first) return bad("does not answer the request");
    const said = await withRaw(async (stranger) => {
      stranger.send(ack(1), first.from);
      const answer = describe(await stranger.next(answerMillis));
      stranger.send(error(0), first.from);
      const toError = await stranger.next(answerMillis);
      return toError ? "an ERROR is answered" : answer;
    });
    raw.drain();
    raw.send(ack(1), first.from);
    const next = await raw.next(3000);
    const goesOn = next?.packet.op === "data" && next.packet.block === 2;
    const text = `${said}; the transfer ${goesOn ? "goes on" : "is broken"}`;
    return goesOn && (said === "ERROR 5" || said === "silent") ? good(text) : bad(text);
  },
};

const withoutNul: Probe = {
  question: "a request without its last NUL",
  run: async (subject, raw) => {
    const answer = await ask(subject, raw, wire(`\0\x01${blocksFile.name}\0octet`));
    return good(describe(answer)); // served, refused or ignored: all are safe
  },
};

const longName: Probe = {
  question: "a name of 10,000 bytes",
  run: async (subject, raw) => {
    const answer = await ask(subject, raw, rrq("n".repeat(10_000)));
    const said = describe(answer);
    if (answer?.packet.op !== "data") return good(said);
    return bad(`${said} of ${answer.packet.payload.length} bytes`);
  },
};

const largestBlksize = 65_464;
const blksizes = ["8", "1428", "65464", "65465", "99999999999", "7", "0", "-1", "8x"];

const blksize: Probe = {
  question: "blksize 8 to 65464, and values that are none",
  run: async (subject) => {
    const wrong: string[] = [];
    for (const asked of blksizes) {
      await withRaw(async (raw) => {
        const first = await ask(subject, raw, rrq(blocksFile.name, { blksize: asked }));
        if (first) raw.send(error(0), first.from);
        if (first?.packet.op !== "oack") return;
        const { blksize: answered } = valuesOf(first.packet.options);
        const value = Number(answered);
        const inRange = value >= 8 && value <= largestBlksize;
        if (answered !== undefined && !(inRange && value <= Number.parseInt(asked, 10))) {
          wrong.push(`${asked} → ${answered}`);
        }
      });
    }
    return wrong.length === 0
      ? good("in range, or left out")
      : bad(`agrees to ${wrong.join(", ")}`);
  },
};

const windowsize: Probe = {
  question: "windowsize 65535 with blksize 65464: bytes in one window",
  run: async (subject, raw) => {
    const options = { blksize: largestBlksize, windowsize: 65_535 };
    const first = await ask(subject, raw, rrq("rollover", options));
    if (first) raw.send(error(0), first.from);
    if (first?.packet.op !== "oack") return good(`no window (${describe(first)})`);
    const { blksize: block = "512", windowsize: window = "1" } = valuesOf(first.packet.options);
    const mebibytes = (Number(block) * Number(window)) / 1024 ** 2;
    const text =
      mebibytes < 1 ? `${Math.ceil(mebibytes * 1024)} KiB` : `${mebibytes.toFixed(1)} MiB`;
    return mebibytes <= 64 ? good(text) : bad(text);
  },
};

const manyOptions: Probe = {
  question: "200 unknown options",
  run: async (subject, raw) => {
    const options = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`o${at}`, at]));
    const first = await ask(subject, raw, rrq(blocksFile.name, options));
    if (first) raw.send(error(0), first.from);
    return good(describe(first).slice(0, 30));
  },
};

const repeatedRequest: Probe = {
  question: "the same RRQ twice within 20 ms: transfers begun",
  run: async (subject, raw) => {
    raw.send(rrq(blocksFile.name), subject.address);
    await new Promise((over) => setTimeout(over, 20));
    raw.send(rrq(blocksFile.name), subject.address);
    const heard = await all(raw, answerMillis);
    const ports = new Set(heard.map(({ from }) => from.port));
    for (const { from } of heard) raw.send(error(0), from);
    return ports.size === 1 ? good("1") : bad(`${ports.size}`);
  },
};

const doubledAcks: Probe = {
  question: "every ACK twice, 20 blocks: DATA sent (Sorcerer's Apprentice)",
  run: async (subject, raw) => {
    let heard = await ask(subject, raw, rrq(blocksFile.name));
    let count = 0;
    for (; heard?.packet.op === "data"; heard = await raw.next(300)) {
      count += 1;
      if (count > 200) break;
      for (let times = 2; times > 0; times--) raw.send(ack(heard.packet.block), heard.from);
    }
    if (count > 200) return bad("more than 200");
    return count <= 23 ? good(`${count}`) : bad(`${count}`);
  },
};

const rollover: Probe = {
  question: "a download of 65,541 blocks",
  run: async (subject) => {
    const bytes = await get(urlOf(subject, rolloverFile.name), { plain: true }).bytes();
    const whole = Buffer.compare(bytes, rolloverFile.bytes) === 0;
    return whole ? good("whole") : bad("damaged");
  },
};

const escapes = ["../secret", "/../secret", "x/../../secret", "..\\secret", "%2e%2e/secret"];

const paths: Probe = {
  question: "names that lead out of the folder",
  run: async (subject) => escaping(subject, [...escapes, `${subject.root}/../secret`]),
};

const links: Probe = {
  question: "a symbolic link in the folder that leads out of it",
  run: async (subject) => escaping(subject, ["link-to-secret"]),
};

async function escaping(subject: Parameters<Probe["run"]>[0], names: readonly string[]) {
  const given: string[] = [];
  for (const name of names) {
    await withRaw(async (raw) => {
      const answer = await ask(subject, raw, rrq(name));
      const { packet } = answer ?? {};
      if (packet?.op !== "data") return;
      if (Buffer.from(packet.payload).includes(secretFile.text)) given.push(name);
      raw.send(ack(packet.block), answer!.from);
    });
  }
  return given.length === 0 ? good("refused") : bad("is served");
}

const hail: Probe = {
  question: "3,000 damaged datagrams, then a download",
  run: async (subject, raw) => {
    const random = new Random(4);
    for (let sent = 1; sent <= 3000; sent++) {
      raw.send(mutated(random), subject.address);
      if (sent % 50 === 0) await new Promise((over) => setTimeout(over, 20));
    }
    const bytes = await get(urlOf(subject, blocksFile.name), { retries: 5 }).bytes();
    return bytes.length === blocksFile.bytes.length ? good("whole") : bad("damaged");
  },
};

export const readProbes: readonly Probe[] = [
  ...[strayAck, strayError, abort, strangers, withoutNul, longName, blksize, windowsize],
  ...[manyOptions, repeatedRequest, doubledAcks, rollover, paths, links, hail],
];
