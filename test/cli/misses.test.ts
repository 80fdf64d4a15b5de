// Searches in the log: a run of names that are not there is one line that says what to create.

import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonLog } from "../../src/cli/json-log.ts";
import { ladderOf } from "../../src/cli/ladders.ts";
import { serverLog } from "../../src/cli/log.ts";
import { describeRun, Misses, type Run } from "../../src/cli/misses.ts";
import { type ServerEvent, TftpError, type TransferInfo } from "../../src/index.ts";

const client = { host: "192.0.2.21", port: 1024 };

function miss(filename: string, host = client.host): ServerEvent {
  return {
    kind: "refused",
    request: { op: "rrq", filename, client: { ...client, host } },
    error: new TftpError("FILE_NOT_FOUND", "file not found"),
  };
}

function started(filename: string): ServerEvent {
  const transfer = { filename, client } as TransferInfo;
  return { kind: "started", transfer };
}

/** What came of these events; `quiet` lets the last timer fire. */
function runsOf(events: readonly ServerEvent[], quiet = true): Run[] {
  const runs: Run[] = [];
  const timers = new Set<() => void>();
  const misses = new Misses({
    onRun: (run) => runs.push(run),
    later: (wake) => {
      timers.add(wake);
      return () => timers.delete(wake);
    },
  });
  for (const event of events) misses.take(event);
  if (quiet) for (const wake of [...timers]) wake();
  return runs;
}

function lineOf(...events: readonly ServerEvent[]): string {
  const runs = runsOf(events);
  assert.equal(runs.length, 1);
  return describeRun(runs[0] as Run);
}

test("a search in vain names the file for this client and the one for all", () => {
  const mac = "pxelinux.cfg/01-52-54-00-12-34-56";
  assert.equal(
    lineOf(miss(mac), miss("pxelinux.cfg/C0000215"), miss("pxelinux.cfg/C")),
    `searched 3 names from ${mac} to pxelinux.cfg/C, found none: ` +
      `create ${mac} for this client, or pxelinux.cfg/default for all`,
  );
});

test("a search that ends well says what was found", () => {
  assert.equal(
    lineOf(miss("/grub/grub.cfg-C0"), miss("/grub/grub.cfg-C"), started("/grub/grub.cfg")),
    "searched 2 names from /grub/grub.cfg-C0 and found /grub/grub.cfg",
  );
});

test("names of no known search end in the last one", () => {
  const line = lineOf(miss("9ffefdef/start4.elf"), miss("start4.elf"));
  assert.match(line, /create start4\.elf$/);
});

test("one name over and over is one line with a count", () => {
  assert.equal(lineOf(...Array(12).fill(miss("x"))), "get x not found, 12 times");
});

test("each client has a run of its own", () => {
  const runs = runsOf([miss("a"), miss("b", "192.0.2.22"), miss("c")]);
  assert.deepEqual(runs.map(({ misses }) => misses).sort(), [1, 2]);
});

test("nothing is told before the client is quiet", () => {
  assert.deepEqual(runsOf([miss("a"), miss("b")], false), []);
});

test("another refusal ends the run and is told itself", () => {
  const denied: ServerEvent = {
    kind: "refused",
    request: { op: "rrq", filename: "secret", client },
    error: new TftpError("ACCESS_VIOLATION", "no"),
  };
  const lines: string[] = [];
  const log = serverLog({ verbose: false, write: (line) => lines.push(line) });
  for (const event of [miss("a"), miss("b"), denied]) log(event);
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /searched 2 names/);
  assert.match(lines[1] ?? "", /get secret refused: no$/);
});

test("a single miss is the line that it always was, at the latest when the log ends", () => {
  const lines: string[] = [];
  const log = serverLog({ verbose: false, write: (line) => lines.push(line) });
  log(miss("x"));
  assert.deepEqual(lines, []);
  log.flush();
  assert.match(lines.join(), /192\.0\.2\.21 get x refused: file not found$/);
});

test("for programs each miss is a line", () => {
  const lines: string[] = [];
  const log = jsonLog({ verbose: false, to: { write: (line) => lines.push(line) } });
  for (const event of [miss("a"), miss("b")]) log(event);
  assert.equal(lines.length, 2);
});

test("a hint at a similar name stands in the line", () => {
  const near = { cause: "similar-name", advice: 'There is "X": only the case differs.' } as const;
  const event = { ...miss("x"), diagnosis: near } as ServerEvent;
  assert.equal(lineOf(event, event), `get x not found, 2 times. ${near.advice}`);
});

test("who searches and what is wrong stands in the lines", () => {
  const lines: string[] = [];
  const log = serverLog({ verbose: false, write: (line) => lines.push(line) });
  const transfer = { op: "rrq", filename: "x", client, family: "ipxe", bytes: 0 } as TransferInfo;
  const diagnosis = { cause: "no-answer", advice: "Try --single-port." } as const;
  const error = new TftpError("TIMED_OUT", "no answer");
  log({ kind: "ended", ending: "failed", transfer, error, diagnosis });
  log({ kind: "started", transfer, diagnosis });
  log({ kind: "started", transfer });
  assert.equal(lines.length, 2);
  for (const line of lines)
    assert.match(line, /192\.0\.2\.21 \(ipxe\) get x .*Try --single-port\.$/);
});

for (const [kind, names, expected] of [
  ["PXELINUX", ["/tftp/pxelinux.cfg/C0"], { all: "/tftp/pxelinux.cfg/default" }],
  [
    "GRUB",
    ["/grub/grub.cfg-01-52-54-00-12-34-56", "/grub/grub.cfg-C"],
    { own: "/grub/grub.cfg-01-52-54-00-12-34-56", all: "/grub/grub.cfg" },
  ],
  [
    "Cisco",
    ["network-confg", "cisconet.cfg", "switch7-confg", "router-confg"],
    { own: "switch7-confg", all: "network-confg" },
  ],
  ["nobody", ["vmlinuz"], undefined],
] as const) {
  test(`the search of ${kind} is known by its names`, () => {
    assert.deepEqual(ladderOf(names), expected);
  });
}
