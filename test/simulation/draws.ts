// What a world is drawn from: weather, disks, sockets, limits and wishes. About a quarter of each
// is calm, so that faults also come one at a time.

import type { TransferOptions } from "../../src/client/transfer-options.ts";
import type { Millis } from "../../src/core/packet.ts";
import { completeLimits, type Limits } from "../../src/server/limits.ts";
import type { DiskHabits } from "./disk.ts";
import type { SocketHabits } from "./fabric.ts";
import type { Conditions } from "./line.ts";
import type { Random } from "./random.ts";

export const calmLine: Conditions = { latencyMillis: 0.2 };

export function drawLine(random: Random): Conditions {
  const latencyMillis = random.pick(latencies);
  if (random.chance(0.25)) return { latencyMillis };
  const jitterMillis = random.pick(jitters);
  const lossRatio = random.pick(losses);
  const duplicateRatio = random.pick(duplicates);
  const damageRatio = random.pick(damages);
  const burst = random.chance(0.1)
    ? { beginRatio: random.pick([0.01, 0.05]), endRatio: random.pick([0.1, 0.5]) }
    : undefined;
  const straggler = random.chance(0.1)
    ? { ratio: random.pick([0.05, 0.2]), millis: random.pick([20, 500, 8000]) }
    : undefined;
  const partitions = random.chance(0.1) ? drawPartitions(random) : undefined;
  const slowMillis = random.chance(0.1) ? random.upTo(12) : 0;
  const queueMax = random.chance(0.05) ? 1 + random.below(40) : undefined;
  return {
    latencyMillis,
    jitterMillis,
    lossRatio,
    duplicateRatio,
    damageRatio,
    burst,
    straggler,
    partitions,
    busyMillis: queueMax === undefined ? slowMillis : 2,
    queueMax,
  };
}

const latencies = [0, 0.2, 1, 5, 40, 300];
const jitters = [0, 0, 0.5, 5, 50];
const losses = [0, 0, 0, 0.01, 0.05, 0.1, 0.3];
const duplicates = [0, 0, 0.05, 0.3];
const damages = [0, 0, 0.02];

function drawPartitions(random: Random): readonly (readonly [Millis, Millis])[] {
  const partitions: [Millis, Millis][] = [];
  let at = 0;
  for (let count = 1 + random.below(3); count > 0; count--) {
    at += random.upTo(random.pick([5, 50, 3000]));
    const from = at;
    at += random.upTo(random.pick([20, 1500, 20_000]));
    partitions.push([from, at]);
  }
  return partitions;
}

export const calmDisk: DiskHabits = {
  slowMillis: 0,
  pauseRatio: 0,
  pauseMillis: 0,
  failureRatio: 0,
  shortRatio: 0,
  freeBytes: Number.POSITIVE_INFINITY,
  sizedRatio: 1,
  versionedRatio: 1,
};

export function drawDisk(random: Random): DiskHabits {
  const known = {
    sizedRatio: random.pick([0, 0.5, 1, 1]),
    versionedRatio: random.pick([0, 0.5, 1, 1]),
  };
  if (random.chance(0.25)) return { ...calmDisk, ...known };
  return {
    ...known,
    slowMillis: random.pick([0, 0, 3, 30]),
    pauseRatio: random.pick([0, 0, 0.02]),
    pauseMillis: random.pick([3000, 60_000, 400_000]),
    failureRatio: random.pick([0, 0, 0, 0.01, 0.1]),
    shortRatio: random.pick([0, 0, 0.1]),
    freeBytes: random.chance(0.1) ? random.below(20_000) : Number.POSITIVE_INFINITY,
  };
}

export const calmSockets: SocketHabits = {
  maxSegments: 64,
  receiveBufferBytes: 1 << 18,
  mtu: 1500,
  fullRatio: 0,
  fullMillis: 0,
  openMillis: 0,
  openFailureRatio: 0,
  sendErrorRatio: 0,
  busyRatio: 0,
};

export function drawSockets(random: Random): SocketHabits {
  const shape = {
    maxSegments: random.pick([1, 2, 7, 64]),
    receiveBufferBytes: random.pick([2000, 1 << 16, 1 << 18]),
    mtu: random.pick([576, 1500, 9000]),
  };
  if (random.chance(0.25)) return { ...calmSockets, ...shape };
  return {
    ...shape,
    fullRatio: random.pick([0, 0, 0.02, 0.3]),
    fullMillis: random.pick([0, 1, 30, 2000, 400_000]),
    openMillis: random.pick([0, 0, 2, 500]),
    openFailureRatio: random.pick([0, 0, 0, 0.1]),
    sendErrorRatio: random.pick([0, 0, 0, 0.01]),
    busyRatio: random.pick([0, 0, 0.5, 1]),
  };
}

export function drawLimits(random: Random): Limits {
  const rate = (): number => (random.chance(0.1) ? random.pick(rates) : Number.POSITIVE_INFINITY);
  return completeLimits({
    bytesPerSecond: rate(),
    bytesPerSecondPerTransfer: rate(),
    rushTransfersMax: random.pick([1, 2, 5, 256]),
    queueMax: random.pick([0, 2, 10_000, 10_000]),
    blksizeMax: random.pick([8, 512, 1428, 65_464, 65_464]),
    windowsizeMax: random.pick([1, 4, 64, 64, 65_535]),
    windowBytesMax: random.pick([8, 3000, 4 << 20]),
    timeoutMillis: random.pick([50, 1000, 1000, 4000]),
    retries: random.pick([0, 2, 6, 6]),
    transfersMax: random.pick([1, 3, 10_000, 10_000, 10_000]),
    transfersMaxPerClient: random.pick([1, 10_000, 10_000]),
    uploadBytesMax: random.pick([2000, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]),
    cacheBytes: random.pick([0, 3000, 50_000, 1 << 28]),
    strayErrorsPerSecond: random.pick([0, 1, 50]),
  });
}

const rates = [1000, 20_000, 1_000_000];

/** What a client asks for. `blksize` is the one that the files of this world are cut for. */
export function drawOptions(random: Random, blksize: number): TransferOptions {
  const timeoutMillis = random.pick([100, 1000, 1000, 1000, 2500, 5000]);
  const retries = random.pick([0, 2, 6, 6, 12]);
  if (random.chance(0.15)) return { plain: true, timeoutMillis, retries };
  return {
    timeoutMillis,
    retries,
    ...(random.chance(0.8) && { blksize }),
    ...(random.chance(0.8) && { windowsize: random.pick([1, 1, 2, 4, 8, 16, 33, 64, 500]) }),
    ...(random.chance(0.2) && { rollover: random.pick([0, 1] as const) }),
  };
}

export function drawBlksize(random: Random): number {
  return random.pick([8, 8, 9, 16, 64, 512, 512, 1428, 8192, 65_464]);
}

/** Bytes: none, less than a block, exact multiples, and what lies between; mostly a few blocks, as
 * a thousand short files find more than a long one. */
export function drawSize(random: Random, blksize: number): number {
  const blocks = random.below(random.pick(random.chance(0.02) ? [40] : [1, 2, 2, 3, 4]));
  if (random.chance(0.3)) return blocks * blksize;
  return blocks * blksize + random.below(blksize);
}
