// What is in the folder when a server was killed while many files came in, round after round: which
// files are whole, and were all of those whole whose last ACK had arrived?

import { setMaxListeners } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { put } from "../../src/index.ts";
import { type Draw, draws } from "../trust/hostile-names.ts";
import { bad, good, type Probe, type Subject, urlOf } from "./probe.ts";

/** Of all rounds. */
interface Toll {
  acknowledged: number;
  /** Acknowledged, but not whole or not there. */
  lost: number;
  /** Cut off, and yet under their final name, though not whole. */
  half: number;
  cut: number;
}

const uploadsInRound = 40;

/** Kills the server in each round and starts it again. */
export function deathProbes(rounds: number): readonly Probe[] {
  const tolls = new WeakMap<Subject, Promise<Toll>>();
  const tollOf = (subject: Subject): Promise<Toll> => {
    const toll = tolls.get(subject) ?? takeToll(subject, rounds);
    tolls.set(subject, toll);
    return toll;
  };
  const happening = `${rounds} times kill -9 in ${uploadsInRound} uploads`;
  return [
    {
      question: `${happening}: half files, of those cut off`,
      needsUploads: true,
      run: async (subject) => {
        const { half, cut } = await tollOf(subject);
        return (half === 0 ? good : bad)(`${half} of ${cut}`);
      },
    },
    {
      question: "the same: uploads that were acknowledged, and are not whole",
      needsUploads: true,
      run: async (subject) => {
        const { lost, acknowledged } = await tollOf(subject);
        return (lost === 0 ? good : bad)(`${lost} of ${acknowledged}`);
      },
    },
  ];
}

async function takeToll(subject: Subject, rounds: number): Promise<Toll> {
  const toll: Toll = { acknowledged: 0, lost: 0, half: 0, cut: 0 };
  const draw = draws(1);
  for (let round = 0; round < rounds; round++) {
    await subject.restart();
    const { content, acknowledged } = await uploadAndKill(subject, round, draw);
    const there = await readdir(subject.root);
    for (const [name, bytes] of content) {
      const whole = there.includes(name) && bytes.equals(await readFile(join(subject.root, name)));
      const isAcknowledged = acknowledged.has(name);
      if (isAcknowledged) toll.acknowledged += 1;
      else toll.cut += 1;
      if (isAcknowledged && !whole) toll.lost += 1;
      if (!isAcknowledged && !whole && there.includes(name)) toll.half += 1;
    }
  }
  return toll;
}

/** The kill comes with one of the last ACKs, or at a moment that has nothing to do with any. */
async function uploadAndKill(subject: Subject, round: number, draw: Draw) {
  const content = new Map<string, Buffer>();
  for (let at = 0; at < uploadsInRound; at++) {
    const size = draw(draw(4) > 0 ? 20_000 : 600_000);
    content.set(`round-${round}-${at}`, Buffer.alloc(size, `${round} ${at} `));
  }
  const acknowledged = new Set<string>();
  const killed = new AbortController();
  setMaxListeners(0, killed.signal);
  const killAt = 1 + draw(uploadsInRound - 1);
  let death: Promise<void> | undefined;
  const kill = (): void => {
    death ??= subject.kill().then(() => killed.abort());
  };
  // Every other round; the others are ended by the last of the timers, should too few come through.
  const timer = setTimeout(kill, round % 2 === 0 ? 20_000 : 20 + draw(150));
  const uploads = [...content].map(async ([name, bytes]) => {
    await put(urlOf(subject, name), bytes, { signal: killed.signal, blksize: 512, windowsize: 1 });
    acknowledged.add(name);
    if (acknowledged.size === killAt) kill();
  });
  await Promise.allSettled(uploads);
  clearTimeout(timer);
  kill();
  await death;
  return { content, acknowledged };
}
