// Everything that a world will be, drawn from its seed before it begins.

import type { Millis, Mode } from "../../src/core/packet.ts";
import type { Limits } from "../../src/server/limits.ts";
import type { ClientPlan } from "./client.ts";
import { contentOf } from "./content.ts";
import { type DevicePlan, habits } from "./devices.ts";
import type { DiskHabits } from "./disk.ts";
import {
  drawBlksize,
  drawDisk,
  drawLimits,
  drawLine,
  drawOptions,
  drawSize,
  drawSockets,
} from "./draws.ts";
import type { SocketHabits } from "./fabric.ts";
import type { Conditions } from "./line.ts";
import type { Random } from "./random.ts";

export interface WorldPlan {
  readonly limits: Limits;
  readonly sockets: SocketHabits;
  readonly serverDisk: DiskHabits;
  readonly clientDisk: DiskHabits;
  readonly files: ReadonlyMap<string, Buffer>;
  /** Of each host its lines, up and down. */
  readonly hosts: readonly (readonly [Conditions, Conditions])[];
  readonly clients: readonly (ClientPlan & { readonly host: number })[];
  readonly devices: readonly (DevicePlan & { readonly host: number })[];
  /** When nobody knows where from something comes. */
  readonly mischief: readonly Millis[];
  readonly close?: { readonly atMillis: Millis; readonly graceMillis: Millis };
  readonly singlePort: boolean;
  /** Limits that are set while the server runs. */
  readonly changes: readonly { readonly atMillis: Millis; readonly limits: Limits }[];
}

/** Files are cut for the blocks that clients ask for, where the server agrees to them. */
export function drawWorld(random: Random): WorldPlan {
  if (random.chance(rollOverRatio)) return rollOver(random);
  const limits = drawLimits(random);
  const blksize = drawBlksize(random);
  const cut = Math.min(blksize, limits.blksizeMax, 1428);
  const files = drawFiles(random, cut);
  const weather = drawLine(random);
  const each = random.chance(0.3);
  const spread = random.pick([0, 0, 5, 500, 20_000]);
  const count = 1 + random.below(random.pick([2, 8, 24]));
  const hosts: (readonly [Conditions, Conditions])[] = [];
  const clients: (ClientPlan & { readonly host: number })[] = [];
  for (let index = 0; index < count; index++) {
    // Some share a host, as behind an address translator.
    const shared = index > 0 && random.chance(0.1);
    const host = shared ? random.below(hosts.length) : hosts.length;
    if (!shared) hosts.push(each ? [drawLine(random), drawLine(random)] : [weather, weather]);
    clients.push({
      ...drawClient(random, files, { blksize, cut }, index),
      host,
      startMillis: random.upTo(spread),
    });
  }
  const singlePort = random.chance(0.1);
  // At one port nobody can tell what answers a transfer from what answers the one before it.
  const devices = !singlePort && random.chance(0.15) ? drawDevices(random, files, spread) : [];
  for (const _ of devices) hosts.push([weather, weather]);
  const closes = random.chance(0.08);
  return {
    singlePort,
    changes: !singlePort && random.chance(0.1) ? drawChanges(random) : [],
    limits,
    sockets: { ...drawSockets(random), ...(singlePort && { sendErrorRatio: 0 }) },
    serverDisk: drawDisk(random),
    clientDisk: drawDisk(random),
    files,
    hosts,
    clients,
    devices: devices.map((device, index) => ({
      ...device,
      host: hosts.length - devices.length + index,
    })),
    // What comes to a single port bears the address of a peer, and may be of its window.
    mischief: !singlePort && random.chance(0.15) ? drawMischief(random) : [],
    ...(closes && {
      close: { atMillis: random.upTo(2000), graceMillis: random.pick([0, 0, 500, 30_000]) },
    }),
  };
}

function drawFiles(random: Random, blksize: number): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let count = 1 + random.below(3); count > 0; count--) {
    files.set(`file ${count}`, contentOf(drawSize(random, blksize), random.below(100)));
  }
  return files;
}

function drawClient(
  random: Random,
  files: Map<string, Buffer>,
  { blksize, cut }: { readonly blksize: number; readonly cut: number },
  index: number,
): ClientPlan {
  const op = random.chance(0.6) ? "rrq" : "wrq";
  const mode: Mode = random.chance(0.15) ? "netascii" : "octet";
  const options = drawOptions(random, blksize);
  const leaves = {
    ...(random.chance(0.03) && { abortMillis: random.upTo(random.pick([5, 300])) }),
    ...(random.chance(0.03) && { dieMillis: random.upTo(random.pick([5, 300])) }),
  };
  const common = { op, mode, options, startMillis: 0, ...leaves } as const;
  if (op === "wrq") {
    const content = contentOf(drawSize(random, cut), random.below(100));
    return { ...common, filename: `upload ${index}`, content };
  }
  if (random.chance(0.03)) return { ...common, filename: "nothing", content: undefined };
  const filename = random.pick([...files.keys()]);
  return { ...common, filename, content: files.get(filename) };
}

function drawDevices(random: Random, files: Map<string, Buffer>, spread: Millis): DevicePlan[] {
  const devices: DevicePlan[] = [];
  for (let count = 1 + random.below(4); count > 0; count--) {
    devices.push({
      habit: random.pick(habits),
      startMillis: random.upTo(spread),
      filename: random.pick([...files.keys(), "nothing"]),
      otherName: random.pick([...files.keys()]),
      uploadName: `device ${count}`,
      upload: contentOf(random.below(3000), 3),
    });
  }
  return devices;
}

function drawMischief(random: Random): Millis[] {
  const span = random.pick([10, 100, 3000, 30_000]);
  return Array.from({ length: 1 + random.below(30) }, () => random.upTo(span));
}

function drawChanges(random: Random) {
  const span = random.pick([100, 3000, 30_000]);
  return Array.from({ length: 1 + random.below(4) }, () => {
    return { atMillis: random.upTo(span), limits: drawLimits(random) };
  });
}

/** One in so many worlds has a file of more than 65535 blocks: it takes as long as thousands. */
const rollOverRatio = 1 / 4000;

function rollOver(random: Random): WorldPlan {
  const weather: Conditions = { latencyMillis: 1, lossRatio: random.pick([0, 0.001]) };
  const blksize = 8;
  const rollover = random.pick([0, 1] as const);
  const content = contentOf(0x10000 * blksize + random.below(2000), random.below(100));
  const asked = { blksize, windowsize: random.pick([8, 64]), timeoutMillis: 1000, rollover };
  const calm = { ...drawSockets(random), fullRatio: 0, sendErrorRatio: 0, openFailureRatio: 0 };
  const disk = { ...drawDisk(random), failureRatio: 0, slowMillis: 0, pauseRatio: 0 };
  const op = random.pick(["rrq", "wrq"] as const);
  return {
    limits: { ...drawLimits(random), blksizeMax: 65_464 },
    sockets: calm,
    serverDisk: disk,
    clientDisk: disk,
    files: new Map(op === "rrq" ? [["file 1", content]] : []),
    hosts: [[weather, weather]],
    clients: [
      {
        op,
        filename: "file 1",
        mode: "octet",
        content,
        options: asked,
        startMillis: 0,
        host: 0,
      },
    ],
    devices: [],
    mischief: [],
    singlePort: false,
    changes: [],
  };
}
