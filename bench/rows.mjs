// The questions of the benchmark, one row each, with the bar that Tidewire sets itself. Data only.

const all = ["tidewire", "in.tftpd", "atftpd", "dnsmasq", "npm tftp", "limit"];
const ours = ["tidewire", "tidewire, one port", "tidewire, 2 workers"];

export const files = {
  "64m": 64 * 1024 * 1024,
  "8m": 8 * 1024 * 1024,
  "1m": 1024 * 1024,
  "64k": 64 * 1024,
  "1k": 1024,
};

/** A bar: ratio of the medians, ours to theirs. `most` is for what should be small. */
const faster = (least, against = "the best peer") => ({ value: "speed", against, least });
const cheaper = (most) => ({ value: "cpuPerGigabyte", against: "the best peer", most });

/** Rows of one server after the other under the same load. `speed` names what speed is. */
export const serverRows = [
  {
    id: "window-64",
    title: "64 MB, blksize 1428, windowsize 64, one client with receive offload",
    load: { file: "64m", blksize: 1428, windowsize: 64, gro: true },
    pinned: true,
    bars: [faster(8), faster(0.8, "limit"), cheaper(0.3)],
  },
  {
    id: "window-64-plain",
    title: "The same, one client without receive offload",
    load: { file: "64m", blksize: 1428, windowsize: 64 },
    pinned: true,
    bars: [],
  },
  {
    id: "window-32-many",
    title: "1 MB files, blksize 1428, windowsize 32, 100 clients at once",
    load: { file: "1m", blksize: 1428, windowsize: 32, clients: 100, gro: true },
    servers: [...ours, ...all.slice(1)],
    bars: [faster(8), faster(0.8, "limit"), cheaper(0.3)],
  },
  {
    id: "large-blocks",
    title: "64 MB, blksize 65464, windowsize 16, one client",
    load: { file: "64m", blksize: 65_464, windowsize: 16, gro: true },
    pinned: true,
    bars: [faster(1.2), cheaper(0.3)],
  },
  {
    id: "lock-step-512",
    title: "8 MB, lock-step, 512-byte blocks, one client",
    load: { file: "8m", blksize: 512, plain: true },
    pinned: true,
    bars: [faster(0.9), cheaper(1.2)],
  },
  {
    id: "lock-step-1428",
    title: "8 MB, lock-step, 1428-byte blocks, one client",
    load: { file: "8m", blksize: 1428 },
    pinned: true,
    bars: [faster(0.9), cheaper(1.2)],
  },
  {
    id: "lock-step-many",
    title: "64 KB files, lock-step, 1428-byte blocks, 100 clients at once",
    load: { file: "64k", blksize: 1428, clients: 100 },
    servers: [...ours, ...all.slice(1)],
    bars: [faster(1), cheaper(1.2)],
  },
  {
    id: "small-files",
    title: "1 KB files, 100 clients at once",
    load: { file: "1k", blksize: 1428, clients: 100 },
    servers: [...ours, ...all.slice(1)],
    speed: "transfersPerSecond",
    bars: [faster(1)],
  },
  {
    id: "storm",
    title: "5,000 clients of 64 KB that arrive within 2 s, lock-step, 1428-byte blocks",
    load: { file: "64k", blksize: 1428, clients: 5000, transfers: 5000, arrive: 2000, retries: 10 },
    servers: [...ours, ...all.slice(1)],
    deadlineSeconds: 20,
    bars: [
      { value: "failures", most: 0 },
      { value: "p99", against: "the best peer", most: 1 },
      { value: "fairness", least: 0.95 },
      { value: "fairnessOfGroups", least: 0.95 },
    ],
  },
  {
    id: "open-10000",
    title: "10,000 transfers open at once, 8 KB/s each",
    load: {
      ...{ file: "64k", blksize: 1428, clients: 10_000, transfers: 10_000 },
      ...{ arrive: 2000, rate: 8192, retries: 10 },
    },
    servers: ["tidewire", "in.tftpd", "atftpd", "dnsmasq"],
    deadlineSeconds: 25,
    roundsMost: 3,
    bars: [
      { value: "failures", most: 0 },
      { value: "memoryMegabytes", most: 250 },
    ],
  },
];

/** Throughput by window, for the plot: servers that know windows at each, the others at 1. */
export const windows = [1, 2, 4, 8, 16, 32, 64, 128, 256];
export function windowRow(windowsize) {
  return {
    id: `by-window-${windowsize}`,
    title: `8 MB, blksize 1428, windowsize ${windowsize}, one client with receive offload`,
    load: { file: "8m", blksize: 1428, windowsize, gro: true, secondsFactor: 0.5 },
    servers: windowsize === 1 ? all : ["tidewire", "atftpd", "npm tftp", "limit"],
    pinned: true,
    serve: ["--windowsize-max", "256"],
    bars: [],
  };
}

export const serversOf = (row) => row.servers ?? all;

/** Rows of whole commands, start of the process included: which client, from which server. */
export const clientRows = {
  file: "64m",
  servers: ["in.tftpd", "atftpd", "dnsmasq", "tidewire"],
  bars: { tidewire: 3 },
  bar: 1,
};
