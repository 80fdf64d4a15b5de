// What strangers write can neither forge a line of the log nor change a terminal; what an ERROR
// tells them is no more than what they said themselves.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdir, symlink } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { jsonLog } from "../../src/cli/json-log.ts";
import { prettyLine } from "../../src/cli/log.ts";
import {
  directory,
  type ServerEvent,
  serve,
  TftpError,
  type TransferInfo,
} from "../../src/index.ts";
import { serving } from "../cli/command.ts";
import { scene } from "../storage/scene.ts";
import { type Draw, draws, hostileName } from "./hostile-names.ts";

const seed = Number(process.env.TIDEWIRE_SEED ?? 1);

/** C0, DEL, C1, changes of direction, separators of lines, and what has no shape at all. */
const forbidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

const attacks = [
  "\n12:00:00 192.0.2.1 get passwd 1 byte in 1 ms",
  "\r\x1b[2K",
  "\x1b]0;title\x07",
  "\x9b31m",
  "\x1b[31m",
  "\u202e\u2066\u200f",
  "\u2028\u2029\x85",
  '" refused: "',
  '","outcome":"completed',
  "\u0000\ufeff\u00ad\u{e0001}\ud800",
];

function hostileText(draw: Draw): string {
  let text = hostileName(draw, ["boot.cfg", "a b", "caf\u00e9"]);
  for (let left = draw(4); left > 0; left -= 1) {
    const at = draw(text.length + 1);
    text = text.slice(0, at) + attacks[draw(attacks.length)] + text.slice(at);
  }
  return text;
}

/** The same text everywhere where a stranger's text can stand. */
function eventsWith(text: string): ServerEvent[] {
  const client = { host: "192.0.2.7", port: 2000 };
  const request = { op: "rrq", filename: text, client } as const;
  const local = { host: "192.0.2.1", port: 1 };
  const facts = { blksize: 512, windowsize: 1, bytes: 5, durationMillis: 1, resent: 0 };
  const tally = { ...facts, duplicates: 0, startedAt: 0, options: true, sha256: "0".repeat(64) };
  const transfer: TransferInfo = { ...request, ...tally, id: 1, mode: "octet", local };
  const system = Object.assign(new Error(text), { code: "EIO", syscall: text, path: text });
  const errors = [
    TftpError.remote(0, text),
    new TftpError("STORAGE", text, { hint: text, cause: system }),
  ];
  const endings = ["completed", "unconfirmed", "probe", "aborted", "replaced", "failed"] as const;
  return [
    { kind: "started", transfer },
    ...endings.flatMap((ending) =>
      errors.map((error) => ({ kind: "ended", ending, transfer, error }) as const),
    ),
    ...errors.flatMap((error): ServerEvent[] => [
      { kind: "refused", request, error },
      { kind: "ignored", request, error },
      { kind: "problem", error },
    ]),
    { kind: "stray", from: client, reason: text },
  ];
}

test("no text of a stranger, at any place of any event, forges a line", () => {
  const draw = draws(seed);
  let lines = 0;
  let json = "";
  const log = jsonLog({ verbose: true, to: { write: (line) => (json += line) } });
  for (let run = 0; run < 300; run++) {
    const text = run < attacks.length ? (attacks[run] as string) : hostileText(draw);
    for (const event of eventsWith(text)) {
      const pretty = prettyLine(event, new Date(0));
      json = "";
      log(event);
      for (const line of [pretty, json.replace(/\n$/, "")]) {
        assert.doesNotMatch(line, forbidden, `seed ${seed}: ${JSON.stringify(text)}`);
      }
      const { file, event: kind } = JSON.parse(json);
      assert.equal(kind, event.kind);
      if ("request" in event || "transfer" in event) assert.equal(file, text);
      lines += 2;
    }
  }
  assert.ok(lines > 10_000);
});

function packet(opcode: 1 | 2, name: string): Buffer {
  const head = Buffer.from([0, opcode]);
  return Buffer.concat([head, Buffer.from(name.replaceAll("\0", "")), Buffer.from("\0octet\0")]);
}

async function afterHostileRequests(t: TestContext, args: readonly string[]) {
  const { root } = await scene(t);
  const { url, output, child, ended } = await serving(t, [root, ...args]);
  const port = Number(new URL(url).port);
  const draw = draws(seed + 1);
  const names = [...attacks, ...Array.from({ length: 100 }, () => hostileText(draw).slice(0, 400))];
  for (const [at, name] of [...names, "the-last-one"].entries()) {
    // Of one client's search there would be one line.
    const socket = createSocket("udp4").bind(0, `127.0.1.${at + 1}`);
    await once(socket, "listening");
    socket.send(packet(1, `x${name}`), port, "127.0.0.1");
    await once(socket, "message");
    socket.close();
  }
  child.kill("SIGTERM");
  await ended;
  const lines = output().trimEnd().split("\n");
  for (const line of lines) assert.doesNotMatch(line, forbidden);
  return { lines, count: names.length + 1 };
}

const linux = { skip: process.platform === "linux" ? false : "needs an address for each client" };

test("a real server prints clean lines for hostile requests", linux, async (t) => {
  const { lines, count } = await afterHostileRequests(t, []);
  const stormy = / storm: (\d+) requests? of /;
  const storms = lines.filter((line) => stormy.test(line));
  const requests = lines.slice(2).filter((line) => !stormy.test(line));
  for (const line of requests) assert.match(line, /^\d\d:\d\d:\d\d 127\.0\.1\.\d+ get /);
  // How many come together is a matter of speed; the first of each storm is told and counted.
  const gathered = storms.map((line) => Number(stormy.exec(line)?.[1]));
  const more = gathered.reduce((sum, each) => sum + each - 1, 0);
  assert.equal(requests.length + more, count);
});

test("for programs each hostile request is one clean line", linux, async (t) => {
  const { lines, count } = await afterHostileRequests(t, ["--log", "json"]);
  const refused = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "refused");
  assert.equal(refused.length, count);
});

/** All that an ERROR to a request may say; no word of it depends on this machine. */
const sentences = new Set([
  "file not found",
  "the name leads out of the served folder",
  "the folder does not exist",
  "not a regular file",
  "access denied",
  "file already exists",
  "illegal operation",
  "a file name is missing",
]);

test("an ERROR says one of a few sentences, and nothing of this machine", async (t) => {
  const { root, outside, put } = await scene(t);
  await put("boot.cfg", "x");
  await mkdir(join(root, "folder"));
  await symlink(outside, join(root, "out"));
  await symlink("/dev/null", join(root, "null"));
  const storage = directory(root, { uploads: "create", dotFiles: true });
  const server = await serve({ storage, host: "127.0.0.1", port: 0 });
  t.after(() => server.close());
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  const draw = draws(seed + 2);
  const words = ["folder", "out", "null", "secret.txt", root, outside, "boot.cfg"];
  const secrets = [root, outside, hostname(), `${userInfo().username}@`, "ENOENT", "node:"];
  const seen = new Set<string>();
  for (let run = 0; run < 1500; run++) {
    const name = hostileName(draw, words).slice(0, 300);
    const request = packet(draw(2) === 0 ? 1 : 2, name);
    socket.send(request, server.address.port, "127.0.0.1");
    const [answer, from] = (await once(socket, "message")) as [Buffer, { port: number }];
    if (answer.readUInt16BE(0) !== 5) {
      // It hit a file, or may upload one: not today.
      socket.send(Buffer.from([0, 5, 0, 0, 0]), from.port, "127.0.0.1");
      continue;
    }
    const text = answer.toString("latin1", 4, answer.length - 1);
    for (const secret of secrets) assert.ok(!text.includes(secret), `${name}: ${text}`);
    seen.add(text);
  }
  assert.deepEqual(
    [...seen].filter((text) => !sentences.has(text)),
    [],
  );
  assert.ok(seen.size >= 4, [...seen].join());
});
