// Datagrams from the corpus, damaged in the ways that find faults in parsers.

import { readdirSync, readFileSync } from "node:fs";
import type { Random } from "../simulation/random.ts";

// From the compiled test, dist/test/fuzz/.
const folder = new URL("../../../test/fuzz/corpus/", import.meta.url);

const corpus: readonly Buffer[] = readdirSync(folder)
  .filter((file) => file.endsWith(".hex"))
  .sort()
  .map((file) => Buffer.from(readFileSync(new URL(file, folder), "ascii").trim(), "hex"));

const telling = [
  "0",
  "-1",
  "8",
  "7",
  "65464",
  "65535",
  "65536",
  "1e9",
  "99999999999999999999",
  "x",
];

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const mutations: readonly Mutation[] = [
  (bytes) => bytes,
  // A byte becomes another.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
    return copy;
  },
  // The end is missing.
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  // A NUL appears, or a run of something.
  (bytes, random) => insert(bytes, random, Buffer.alloc(1)),
  (bytes, random) =>
    insert(
      bytes,
      random,
      Buffer.alloc(random.below(2000), random.pick("a/.\\%\0\xff\r\n".split(""))),
    ),
  // A part comes twice, or a part of another datagram.
  (bytes, random) => insert(bytes, random, part(bytes, random)),
  (bytes, random) => insert(bytes, random, part(random.pick(corpus), random)),
  // A number becomes a telling one.
  (bytes, random) =>
    Buffer.from(
      bytes.toString("latin1").replace(/\d+/g, () => random.pick(telling)),
      "latin1",
    ),
  // Another packet type.
  (bytes, random) => Buffer.concat([Buffer.of(0, random.below(9)), bytes.subarray(2)]),
];

/** A datagram of the corpus after up to three mutations. */
export function mutated(random: Random): Buffer {
  let bytes = random.pick(corpus);
  for (let left = random.below(4); left > 0; left--) bytes = random.pick(mutations)(bytes, random);
  return bytes.subarray(0, 9000);
}

function insert(bytes: Buffer, random: Random, piece: Buffer): Buffer {
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function part(bytes: Buffer, random: Random): Buffer {
  const from = random.below(bytes.length + 1);
  return bytes.subarray(from, from + random.below(bytes.length - from + 1));
}
