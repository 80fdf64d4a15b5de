// Holds the medians of a row against its bars. A peer counts as the best only if it served at least
// 99 of 100 transfers: a server that drops its clients is not fast.

import { clientRows } from "./rows.mjs";

const trusted = 0.99;
const small = new Set(["cpuPerGigabyte", "p99"]);
const words = {
  megabytesPerSecond: "MB/s",
  transfersPerSecond: "transfers/s",
  cpuPerGigabyte: "CPU s/GB",
  p99: "p99 ms",
  failures: "failures",
  fairness: "Jain's index, all clients",
  fairnessOfGroups: "Jain's index, clients of the same 100 ms",
  memoryMegabytes: "MB resident",
};

export const isPeer = (name) => !name.startsWith("tidewire") && name !== "limit";

/** One line for each bar and each variant of ours: { what, ours, theirs, ratio, bar, reached }. */
export function judge(row, measured) {
  const variants = Object.keys(measured.servers).filter((name) => name.startsWith("tidewire"));
  return variants.flatMap((variant) =>
    row.bars.map((bar) => ({ variant, ...judgeBar(row, measured, bar, variant) })),
  );
}

function judgeBar(row, measured, bar, variant) {
  const value = bar.value === "speed" ? (row.speed ?? "megabytesPerSecond") : bar.value;
  const figure = (name) => medianOf(measured.servers[name], value);
  const ours = figure(variant);
  const limit = bar.least === undefined ? `at most ${bar.most}` : `at least ${bar.least}`;
  if (!bar.against) {
    return { what: words[value], ours, bar: limit, reached: holds(ours, bar) };
  }
  const rivals = bar.against === "limit" ? ["limit"] : Object.keys(measured.servers).filter(isPeer);
  const fit = rivals.filter((name) => serves(measured.servers[name]) && figure(name) > 0);
  const better = (a, b) => (small.has(value) ? figure(a) - figure(b) : figure(b) - figure(a));
  const best = fit.sort(better)[0];
  const ratio = best && ours !== undefined ? ours / figure(best) : undefined;
  return {
    ...{ what: words[value], ours, best, theirs: best && figure(best), ratio },
    bar: `${limit} ×`,
    reached: best ? holds(ratio, bar) : undefined,
  };
}

const medianOf = (server, value) =>
  typeof server?.[value] === "number" ? server[value] : server?.[value]?.median;

const serves = (server) =>
  server &&
  server.transfers > 0 &&
  server.transfers / (server.transfers + server.failures) >= trusted;

function holds(number, { least, most }) {
  if (number === undefined) return false;
  return least === undefined ? number <= most : number >= least;
}

/** Our client against the best foreign one, from each server, like with like and at its best. */
export function judgeClients(results) {
  return Object.entries(results).flatMap(([server, clients]) => {
    const speed = (name) => clients[name]?.megabytesPerSecond?.median;
    const foreign = Object.keys(clients).filter((name) => !/^(?:tidewire|error)/.test(name));
    const compare = (mine, rivals) => {
      const best = rivals.filter(speed).sort((a, b) => speed(b) - speed(a))[0];
      const ratio = best && speed(mine) ? speed(mine) / speed(best) : undefined;
      const least = clientRows.bars[server] ?? clientRows.bar;
      const reached = best && (ratio ?? 0) >= least;
      const figures = { ours: speed(mine), best, theirs: best && speed(best), ratio };
      return { server, mine, ...figures, bar: `at least ${least} ×`, reached };
    };
    return [
      compare("tidewire, automatic", foreign),
      compare(
        "tidewire, blksize 1428",
        foreign.filter((name) => name.includes("1428")),
      ),
    ];
  });
}
