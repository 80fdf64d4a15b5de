// Writes what was measured as Markdown: the machine, the bars, a table for each row. Computes
// nothing but ratios; figures are medians, with the least and the most beside them.

import { judge, judgeClients } from "./bars.mjs";

export function markdown(results, rows) {
  const measured = rows.filter((row) => results.rows[row.id]);
  return [
    "# Results of the benchmark",
    about(results),
    "## Bars",
    bars(results, measured),
    ...measured
      .filter((row) => !row.id.startsWith("by-window"))
      .map((row) => rowTable(row, results)),
    windowTable(results, measured),
    clientTables(results.clients),
    ftpTables(results.ftp),
    plots(results.plots),
  ]
    .filter(Boolean)
    .join("\n\n")
    .concat("\n");
}

function about({ machine, versions, clientVersions, command, date, rounds, seconds, minutes }) {
  const list = { ...versions, curl: clientVersions.curl, atftp: clientVersions.atftp };
  return [
    `Written by \`${command}\` on ${date}, in ${minutes} minutes: ${rounds} rounds of about ` +
      `${seconds} s for each server and row, the servers in turns. Everything runs on loopback, ` +
      "each server as a process of its own; every program is started with the same environment, " +
      "PATH, HOME, TMPDIR and LANG alone. The load client (`load.c`) compares every byte with " +
      "the file. Figures are medians over the rounds, in parentheses the least and the most. " +
      "Rows with one client hold server and client on one processor, where there is `taskset`; " +
      "there, MB/s is the work of both. Processor time is the server's alone, with its threads " +
      `and children (${machine.cpuSource}). A peer counts as the best only if it served 99 of ` +
      "100 transfers. Jain's index is over the rates of the clients: those who come to an idle " +
      "server are faster than those who come to a busy one, however fair it is, so it also " +
      "stands for the clients of the same 100 ms.",
    "",
    ...Object.entries({ machine: machine.text, kernel: machine.kernel, Node: machine.node }).map(
      ([name, text]) => `- ${name}: ${text}`,
    ),
    ...Object.entries(list).map(([name, text]) => `- ${name}: ${text}`),
  ].join("\n");
}

function bars(results, rows) {
  const lines = rows.flatMap((row) =>
    judge(row, results.rows[row.id]).map((line) => [
      `${row.title} (${line.variant})`,
      line.what,
      number(line.ours),
      line.best ? `${number(line.theirs)} (${line.best})` : "",
      line.ratio === undefined ? "" : `${number(line.ratio)} ×`,
      line.bar,
      verdict(line.reached),
    ]),
  );
  const clients = judgeClients(results.clients ?? {}).map((line) => [
    `64 MB from ${line.server} (client: ${line.mine})`,
    "MB/s",
    number(line.ours),
    line.best ? `${number(line.theirs)} (${line.best})` : "",
    line.ratio === undefined ? "" : `${number(line.ratio)} ×`,
    line.bar,
    verdict(line.reached),
  ]);
  return table(
    ["row", "figure", "ours", "theirs", "ratio", "bar", "reached"],
    [...lines, ...clients],
  );
}

const verdict = (reached) => (reached === undefined ? "no peer" : reached ? "yes" : "**no**");

function rowTable(row, results) {
  const { servers } = results.rows[row.id];
  const many = (row.load.clients ?? 1) >= 5000;
  const columns = {
    "MB/s": (server) => wide(server.megabytesPerSecond),
    "blocks/s": (server) => plain(server.blocksPerSecond),
    "transfers/s": (server) => plain(server.transfersPerSecond),
    "p50 / p99 / max ms": (server) => [server.p50, server.p99, server.max].map(plain).join(" / "),
    "CPU s/GB": (server) => wide(server.cpuPerGigabyte),
    "CPU ms/transfer": (server) => plain(server.cpuPerTransferMillis),
    "peak MB": (server) => plain(server.memoryMegabytes),
    ...(many && {
      Jain: (server) => plain(server.fairness),
      "Jain, same 100 ms": (server) => plain(server.fairnessOfGroups),
    }),
    agreed: ({ agreed }) => (agreed ? `${agreed.blksize} × ${agreed.windowsize}` : ""),
    "load client's CPU": (server) => percent(server.loadShare),
    failures: failuresOf,
  };
  const lines = Object.entries(servers).map(([name, server]) => [
    name,
    ...Object.values(columns).map((column) => column(server)),
  ]);
  const errors = Object.entries(servers)
    .filter(([, server]) => server.error)
    .map(([name, server]) => `- ${name}: ${server.error.replace(/\s+/g, " ").slice(0, 200)}`);
  return [`## ${row.title}`, table(["server", ...Object.keys(columns)], lines), errors.join("\n")]
    .filter(Boolean)
    .join("\n\n");
}

function failuresOf({ failures, corrupt, transfers, deaths }) {
  const notes = [corrupt > 0 && `${corrupt} corrupt`, deaths > 0 && `died ${deaths} ×`];
  const words = notes.filter(Boolean).join(", ");
  return `${failures} of ${transfers + failures}${words && `, ${words}`}`;
}

function windowTable(results, rows) {
  const byWindow = rows.filter((row) => row.id.startsWith("by-window"));
  if (byWindow.length === 0) return "";
  const names = [...new Set(byWindow.flatMap((row) => Object.keys(results.rows[row.id].servers)))];
  const lines = byWindow.map((row) => [
    row.load.windowsize,
    ...names.map((name) => plain(results.rows[row.id].servers[name]?.megabytesPerSecond)),
  ]);
  const title = "## Throughput by window: 8 MB, blksize 1428, one client, MB/s";
  return `${title}\n\n${table(["windowsize", ...names], lines)}`;
}

function clientTables(clients) {
  if (!clients || Object.keys(clients).length === 0) return "";
  const servers = Object.keys(clients);
  const names = [...new Set(servers.flatMap((server) => Object.keys(clients[server])))];
  const cell = ({ megabytesPerSecond, failures } = {}) =>
    `${wide(megabytesPerSecond)}${failures ? ` ${failures} failed` : ""}`;
  const lines = names.map((name) => [
    name,
    ...servers.map((server) => cell(clients[server][name])),
  ]);
  return [
    "## Clients: 64 MB into a file, MB/s, start of the process included",
    "None of them waits for the disk.",
    table(["client", ...servers.map((server) => `from ${server}`)], lines),
  ].join("\n\n");
}

/** Seconds, and the share of what blksize x windowsize / RTT allows. */
export function ftpTables(ftp) {
  if (!ftp) return "";
  const title = "## FTP against TFTP, over a link with delay and loss";
  if (ftp.skipped) return `${title}\n\nNot measured: ${ftp.skipped}`;
  const names = [...new Set(ftp.results.flatMap((result) => Object.keys(result.ways)))];
  const lines = ftp.results.map((result) => [
    ...[`${result.rtt} ms`, `${result.loss} %`, number(result.size)],
    ...names.map((name) => ftpCell(result, name)),
    ftpVerdict(result),
  ]);
  const text =
    "Seconds from the start of the client's process to its end; in brackets KB/s, and after the " +
    "slash what blksize × windowsize / RTT allows, where the window is known.";
  const heads = ["round trip", "loss", "bytes", ...names, "ours against FTP"];
  return `${title}\n\n${text}\n\n${table(heads, lines)}`;
}

function ftpCell({ ways, limits, size }, name) {
  const { time, failures, tooLong } = ways[name];
  const limit = limits[name] ? ` / ${number(limits[name] / 1000)}` : "";
  if (tooLong) return `not run: over ${number(tooLong)} s [${limit.slice(3)}]`;
  const failed = failures > 0 ? `${failures} failed` : "";
  if (!time) return failed;
  return `${number(time.median)} [${number(size / 1000 / time.median)}${limit}] ${failed}`.trim();
}

function ftpVerdict({ ways }) {
  const [ours, ftp] = ["tidewire, automatic", "vsftpd + curl"].map((name) => ways[name]?.time);
  if (!ours || !ftp) return "";
  const ratio = ftp.median / ours.median;
  return `${number(ratio)} ×${ratio > 1 ? "" : " (slower)"}`;
}

const plots = (names = []) =>
  names.map((name) => `![${name.replaceAll("-", " ")}](plots/${name}.svg)`).join("\n\n");

export function table(heads, lines) {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  return [row(heads), row(heads.map(() => "---")), ...lines.map(row)].join("\n");
}

/** Three digits that mean something. */
export function number(value) {
  if (value === undefined || Number.isNaN(value)) return "";
  if (value === 0 || Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return `${Number(value.toPrecision(3))}`;
}

const plain = (figure) => (figure ? number(figure.median) : "");
const wide = (figure) =>
  figure ? `${number(figure.median)} (${number(figure.least)}-${number(figure.most)})` : "";
const percent = (figure) => (figure ? `${Math.round(figure.median * 100)} %` : "");
