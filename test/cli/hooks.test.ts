// Commands after transfers, run by the server as a process.

import assert from "node:assert/strict";
import { readFileSync, watch } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type HookFlags, type HookLimits, hooksFor } from "../../src/cli/hooks.ts";
import { get, put, type ServerEvent, type TftpError } from "../../src/index.ts";
import { folder, serving } from "./command.ts";

const posix = { skip: process.platform === "win32" ? "needs /bin/sh" : false, timeout: 30_000 };

test("a hook that fails is a problem line", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "hello");
  const { url, printed } = await serving(t, [root, "--on-download", "/bin/false"]);
  assert.equal(await get(`${url}/a`).text(), "hello");
  await printed(/problem: the hook \/bin\/false ended with status 1\. Run it by hand/);
});

test("a hook is told the facts, and no shell reads the name", async (t) => {
  const root = await folder(t);
  const [seen, program] = [join(root, "seen"), join(root, "hook.sh")];
  const script = `#!/bin/sh\nenv | grep ^TIDEWIRE_ > ${seen}.new\nmv ${seen}.new ${seen}\n`;
  await writeFile(program, script, { mode: 0o755 });
  await chmod(program, 0o755);
  const { url } = await serving(t, [root, "--uploads", "create", "--on-upload", program]);
  const facts = new Promise<string>((resolve) => {
    const look = () => void readFile(seen, "utf8").then(resolve, () => {});
    const watcher = watch(root, look);
    t.after(() => watcher.close());
  });
  await put(`${url}/$(touch owned).cfg`, new TextEncoder().encode("content"));
  const told = await facts;
  assert.match(told, /^TIDEWIRE_FILE=\$\(touch owned\)\.cfg$/m);
  assert.match(told, /^TIDEWIRE_OP=put$/m);
  assert.match(told, /^TIDEWIRE_BYTES=7$/m);
  assert.match(told, /^TIDEWIRE_SHA256=[0-9a-f]{64}$/m);
  assert.match(told, /^TIDEWIRE_CLIENT=127\.0\.0\.1$/m);
  await assert.rejects(readFile(join(root, "owned")));
});

test("a hook that hangs is ended with all it has started, and said so", posix, async (t) => {
  const root = await folder(t);
  const started = join(root, "started");
  const program = join(root, "hook.sh");
  // The shell waits for a program of its own, which holds the pipe.
  await writeFile(program, `#!/bin/sh\nsleep 1000 & echo $! > ${started}\nwait\n`, { mode: 0o755 });
  const problems = problemsOf({ onDownload: [program] }, { timeMillisMax: 2000 });
  problems.handle(ended("a"));
  const { message, hint } = await problems.next();
  assert.equal(message, `the hook ${program} was ended, it took longer than 2 s`);
  assert.match(hint ?? "", /Run it by hand/);
  const pid = Number(await readFile(started, "utf8"));
  while (isRunning(pid)) await new Promise(setImmediate);
  problems.handle(ended("b"));
  await problems.next();
});

test("a server that ends says that hooks run; the third signal ends them", posix, async (t) => {
  const [root, elsewhere] = [await folder(t), await folder(t)];
  await writeFile(join(root, "a"), "hello");
  const [started, program] = [join(elsewhere, "started"), join(elsewhere, "hook.sh")];
  await writeFile(program, `#!/bin/sh\necho $$ > ${started}\nsleep 30\n`, { mode: 0o755 });
  const { url, child, printed, ended } = await serving(t, [root, "--on-download", program]);
  await get(`${url}/a`).bytes();
  child.kill("SIGTERM");
  await printed(/^Waiting for 1 hook; the third signal ends it, too\.$/m);
  let pid = 0;
  while (pid === 0) pid = Number(await readFile(started, "utf8").catch(() => ""));
  while (child.exitCode === null) {
    child.kill("SIGTERM");
    await new Promise(setImmediate);
  }
  assert.deepEqual(await ended, { status: 0, signal: null });
  while (isRunning(pid)) await new Promise(setImmediate);
});

test("what finds the queue full is named in a line, the others run", posix, async () => {
  const limits = { atOnceMax: 1, queueMax: 2 };
  const problems = problemsOf({ onUpload: ["/bin/false"] }, limits);
  for (const name of ["a", "b", "c", "d\n.cfg"]) problems.handle(ended(name, "wrq"));
  const { message, hint } = await problems.next();
  assert.match(
    message,
    /^the hook \/bin\/false is left out for put "d\\x0a\.cfg" of 192\.0\.2\.1, 2 wait$/,
  );
  assert.match(hint ?? "", /Make it faster/);
  for (let run = 0; run < 3; run += 1) {
    assert.equal((await problems.next()).message, "the hook /bin/false ended with status 1");
  }
  problems.handle(ended("e", "wrq"));
  assert.match((await problems.next()).message, /ended with status 1/, "there is room again");
});

test("a hook that is not there is a problem, and the next one runs all the same", async () => {
  const problems = problemsOf({ onUpload: ["/nowhere/hook"] }, { atOnceMax: 1 });
  for (const name of ["a", "b"]) problems.handle(ended(name, "wrq"));
  for (let run = 0; run < 2; run += 1) {
    assert.equal((await problems.next()).message, "the hook /nowhere/hook cannot be run");
  }
});

interface Problems {
  readonly handle: (event: ServerEvent) => void;
  readonly next: () => Promise<TftpError>;
}

function problemsOf(flags: HookFlags, limits: Partial<HookLimits>): Problems {
  const told: TftpError[] = [];
  let look = (): void => {};
  const usual = { atOnceMax: 4, queueMax: 1000, timeMillisMax: 20_000 };
  const handle = hooksFor(
    flags,
    (error) => {
      told.push(error);
      look();
    },
    { ...usual, ...limits },
  );
  const next = async (): Promise<TftpError> => {
    const waiting = new Promise<void>((resolve) => {
      look = resolve;
    });
    if (told.length === 0) await waiting;
    return told.shift() as TftpError;
  };
  return { handle, next };
}

function ended(filename: string, op: "rrq" | "wrq" = "rrq"): ServerEvent {
  const client = { host: "192.0.2.1", port: 1 };
  const transfer = { id: 1, op, filename, client, bytes: 1, durationMillis: 1 };
  return { kind: "ended", ending: "completed", transfer } as unknown as ServerEvent;
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
