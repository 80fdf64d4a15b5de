// Prints the man page, made from the option table of the compiled command line: `npm run man`.

import { commandTable } from "../dist/src/cli/command-table.js";

const table = await commandTable();
process.stdout.write(
  `${[...head(), ...table.flatMap(commandLines), ...tail()].join("\n").replace(/\n+/g, "\n")}\n`,
);

function head() {
  const lines = table.map(({ name, usage }) => [".br", `.B tidewire ${text(name)}`, text(usage)]);
  return [
    '.\\" Made by `npm run man` from the option table of the command line.',
    ".TH TIDEWIRE 1",
    ".SH NAME",
    "tidewire \\- TFTP server and client",
    ".SH SYNOPSIS",
    ...lines.flat().slice(1),
    ".SH DESCRIPTION",
    "Serves a folder to TFTP clients, and fetches and sends files (RFC 1350, 2347 to 2349, 7440).",
    ".SH COMMANDS",
  ];
}

function commandLines({ name, summary, usage, arguments: taken, options, notes }) {
  const [said, examples = ""] = notes.split(/^Examples:$/m);
  return [
    `.SS tidewire ${text(`${name} ${usage}`)}`,
    `${text(summary.charAt(0).toUpperCase() + summary.slice(1))}.`,
    ...taken.flatMap(({ name, description }) => [".TP", `.I ${text(name)}`, text(description)]),
    ...options.flatMap(({ flags, description }) => [".TP", `.B ${text(flags)}`, text(description)]),
    ...(said.trim() ? [".PP", ...said.trim().split("\n").map(text)] : []),
    ...exampleLines(examples),
  ];
}

function exampleLines(examples) {
  const lines = examples.split("\n").filter((line) => line.trim() !== "");
  if (lines.length === 0) return [];
  return [".PP", ".nf", ".RS 4", ...lines.map((line) => text(line.trim())), ".RE", ".fi"];
}

function tail() {
  const terms = (rows) => rows.flatMap(([term, said]) => [".TP", `.B ${text(term)}`, text(said)]);
  return [
    ".SH SIGNALS",
    "Of",
    ".BR serve :",
    ...terms([
      [
        "TERM, INT",
        "no new transfers, 5 s for those that run; a second ends these, a third the process",
      ],
      ["HUP", "reads the file of --config again, whole or not at all; without one the server ends"],
      ["USR1", "prints the running transfers"],
      ["USR2", "starts the next process, which takes over; this one ends with its transfers"],
    ]),
    ".SH EXIT STATUS",
    ...terms([
      ["0", "it is done"],
      ["1", "it failed; standard error says why, and what to do"],
      ["2", "it was used wrongly"],
      ["128 + N", "get or put was ended by signal N: 130 after Ctrl+C"],
    ]),
    ".SH ENVIRONMENT",
    ...terms([
      ["TIDEWIRE_OFFLOAD", "off: datagrams go through Node alone, one in each system call"],
      ["TIDEWIRE_DEBUG", "1: errors are told with where they come from"],
      ["NO_COLOR", "set: no colours"],
    ]),
    ".SH FILES",
    ...terms([["/etc/tidewire.toml", "what the systemd unit of install-service reads"]]),
    ".SH SEE ALSO",
    ".BR tftp (1),",
    ".BR systemd.service (5)",
  ];
}

/** A line of text as roff takes it: nothing in it is a request or an escape. */
function text(line) {
  const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll('"', "\\(dq");
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
