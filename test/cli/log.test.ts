// The log of a server as text: what each event becomes, and that no client can forge a line.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonLog } from "../../src/cli/json-log.ts";
import { prettyLine, serverLog } from "../../src/cli/log.ts";
import { visible, visibleName } from "../../src/cli/visible.ts";
import { type ServerEvent, TftpError, type TransferInfo } from "../../src/index.ts";

const now = new Date(2026, 0, 2, 12, 1, 33);
const client = { host: "10.0.0.7", port: 2070 };
const transfer: TransferInfo = {
  id: 7,
  op: "rrq",
  filename: "boot/vmlinuz",
  mode: "octet",
  client,
  local: { host: "10.0.0.1", port: 40_000 },
  size: 8_400_000,
  options: true,
  startedAt: 0,
  blksize: 1428,
  windowsize: 16,
  bytes: 8_400_000,
  durationMillis: 1200,
  resent: 2,
  duplicates: 0,
};

test("each event is one line that says who, what, how much and how it ended", () => {
  const error = new TftpError("TIMED_OUT", "no answer");
  const remote = TftpError.remote(0, "User aborted");
  const denied = new TftpError("ACCESS_VIOLATION", "access denied", {
    cause: systemError("EACCES"),
  });
  const half = { ...transfer, bytes: 4_200_000 };
  const ended = (ending: Extract<ServerEvent, { kind: "ended" }>["ending"], cause?: TftpError) =>
    ({ kind: "ended", ending, transfer: half, ...(cause ? { error: cause } : {}) }) as const;
  const facts = "blksize 1428, windowsize 16, 2 resent";
  const request = { op: "wrq", filename: "up.cfg", client } as const;
  const cases: readonly (readonly [event: ServerEvent, line: string])[] = [
    [
      { kind: "ended", ending: "completed", transfer },
      `get boot/vmlinuz 8.4 MB in 1.2 s (7.0 MB/s, ${facts})`,
    ],
    [
      ended("unconfirmed", error),
      `get boot/vmlinuz 4.2 MB in 1.2 s (3.5 MB/s, ${facts}, last ACK missing)`,
    ],
    [ended("probe", remote), "get boot/vmlinuz asked only for the size, 8.4 MB"],
    [
      ended("aborted", remote),
      "get boot/vmlinuz stopped by the client after 4.2 MB of 8.4 MB: " +
        `"User aborted" (3.5 MB/s, ${facts})`,
    ],
    [
      ended("replaced"),
      `get boot/vmlinuz begun anew by the client after 4.2 MB of 8.4 MB (3.5 MB/s, ${facts})`,
    ],
    [
      ended("failed", error),
      `get boot/vmlinuz failed after 4.2 MB of 8.4 MB: no answer (3.5 MB/s, ${facts})`,
    ],
    [{ kind: "refused", request, error: denied }, "put up.cfg refused: access denied (EACCES)"],
    [
      { kind: "ignored", request, error: new TftpError("BUSY", "too many transfers at once") },
      "put up.cfg not answered: too many transfers at once",
    ],
    [
      { kind: "ignored", request, reason: 'rule "ignore *.cfg"' },
      'put up.cfg not answered: rule "ignore *.cfg"',
    ],
    [{ kind: "started", transfer }, "get boot/vmlinuz started, 8.4 MB"],
    [
      { kind: "stray", from: client, reason: "no transfer of yours" },
      "port 2070: stray packet: no transfer of yours",
    ],
  ];
  for (const [event, line] of cases) {
    const id = "transfer" in event ? "#7 " : "";
    assert.equal(prettyLine(event, now), `12:01:33 ${id}10.0.0.7 ${line}`);
  }
  assert.equal(
    prettyLine({ kind: "listening", address: { host: "::1", port: 69 } }, now),
    "12:01:33 listening on ::1 port 69",
  );
  const problem = new TftpError("NETWORK", "port 69 is in use", { hint: "Stop the other one." });
  assert.equal(
    prettyLine({ kind: "problem", error: problem }, now),
    "12:01:33 problem: port 69 is in use. Stop the other one.",
  );
});

test("failures are red, refusals yellow, a probe is calm", () => {
  const colours = (event: ServerEvent): string[] => {
    const seen: string[] = [];
    prettyLine(event, now, (colour, text) => {
      seen.push(colour);
      return text;
    });
    return seen.slice("transfer" in event ? 2 : 1); // time and id come first
  };
  const error = new TftpError("TIMED_OUT", "no answer");
  assert.deepEqual(colours({ kind: "ended", ending: "failed", transfer, error }), ["red"]);
  assert.deepEqual(colours({ kind: "refused", request: transfer, error }), ["yellow"]);
  assert.deepEqual(colours({ kind: "ended", ending: "probe", transfer, error }), ["dim"]);
  assert.deepEqual(colours({ kind: "ended", ending: "completed", transfer }), []);
});

test("beginnings and stray packets are logged only when verbose", () => {
  const events: ServerEvent[] = [
    { kind: "started", transfer },
    { kind: "stray", from: client, reason: "no transfer of yours" },
    { kind: "ended", ending: "completed", transfer },
  ];
  const counted = (verbose: boolean): readonly number[] => {
    let [pretty, json] = [0, 0];
    const log = serverLog({ verbose, write: () => (pretty += 1) });
    const forPrograms = jsonLog({ verbose, to: { write: () => (json += 1) } });
    for (const event of events) for (const each of [log, forPrograms]) each(event);
    return [pretty, json];
  };
  assert.deepEqual(
    [counted(false), counted(true)],
    [
      [1, 1],
      [3, 3],
    ],
  );
});

const unseen = /[\p{C}\p{Zl}\p{Zp}]/u;
const anything = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("a", " ", '"', "\\", "\n", "\r", "\x1b", "\x9b", "\u202e", "\u2028"),
  }),
);

test("whatever a client writes, a line stays one line and shows nothing unseen", () => {
  fc.assert(
    fc.property(anything, anything, (filename, message) => {
      const event: ServerEvent = {
        kind: "ended",
        ending: "aborted",
        transfer: { ...transfer, filename },
        error: TftpError.remote(0, message),
      };
      const refused: ServerEvent = {
        kind: "refused",
        request: { op: "rrq", filename, client },
        error: new TftpError("STORAGE", message),
      };
      for (const each of [event, refused]) {
        assert.doesNotMatch(prettyLine(each, now), unseen);
        const [line = "", ...more] = jsonLines(each);
        assert.deepEqual(more, []);
        assert.doesNotMatch(line.replace(/\n$/, ""), unseen);
        assert.equal(JSON.parse(line).file, filename);
      }
    }),
  );
});

test("two names never look the same, and a name is one field of the line", () => {
  fc.assert(
    fc.property(anything, anything, (one, other) => {
      if (one !== other) assert.notEqual(visibleName(one), visibleName(other));
      assert.match(visibleName(one), /^(?:[^\s"]+|"(?:[^"\\]|\\.)*")$/u);
    }),
  );
});

test("escapes are readable", () => {
  assert.equal(visibleName("\\Boot\\BCD"), "\\Boot\\BCD");
  assert.equal(visibleName("x\n12:00:00 y"), '"x\\x0a12:00:00 y"');
  assert.equal(visibleName('a "b" \\'), '"a \\"b\\" \\\\"');
  assert.equal(visibleName(""), '""');
  assert.equal(visibleName("ab\u202ecd"), '"ab\\u{202e}cd"');
  assert.equal(visibleName("abc", 2), "ab…");
  assert.equal(visible("\x1b[31mred"), "\\x1b[31mred");
  assert.equal(visible("Grüße, 世界"), "Grüße, 世界");
});

function jsonLines(event: ServerEvent): string[] {
  const lines: string[] = [];
  jsonLog({ verbose: true, to: { write: (line) => lines.push(line) } })(event);
  return lines;
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: "open" });
}
