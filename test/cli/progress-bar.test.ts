// The progress bar and its units as text, and the bar once on a real pseudo terminal.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { plain } from "../../src/cli/paint.ts";
import { progressLine } from "../../src/cli/progress-bar.ts";
import { bytesText, durationText, parseBytes, rateText } from "../../src/cli/units.ts";
import { generated } from "../../src/index.ts";
import { folder, libraryServer, script } from "./command.ts";

const half = { name: "vmlinuz", bytes: 4_200_000, size: 8_400_000, bytesPerSecond: 7e6 };

test("a wide terminal shows name, bar, share, bytes, rate and time left", () => {
  const bar = "━".repeat(20) + "─".repeat(20);
  const numbers = "   50 %   4.2 MB of 8.4 MB   7.0 MB/s  1 s left";
  assert.equal(progressLine(half, 120, plain), `vmlinuz  ${bar}${numbers}`);
});

test("a narrow terminal loses the bar first, then the numbers from the right", () => {
  assert.equal(
    progressLine(half, 60, plain),
    "vmlinuz   50 %   4.2 MB of 8.4 MB   7.0 MB/s  1 s left",
  );
  assert.equal(progressLine(half, 50, plain), "vmlinuz   50 %   4.2 MB of 8.4 MB   7.0 MB/s");
  assert.equal(progressLine(half, 24, plain), "vmlinuz   50 %");
});

test("without a size there is neither share nor time left", () => {
  const { size: _size, ...unknown } = half;
  assert.equal(progressLine(unknown, 80, plain), "vmlinuz   4.2 MB   7.0 MB/s");
  const nothing = { ...unknown, bytes: 0 };
  assert.equal(progressLine(nothing, 80, plain), "vmlinuz  waiting for the server");
});

test("a transfer that stands still is stalled, one that is done has no time left", () => {
  assert.match(progressLine({ ...half, bytesPerSecond: 0 }, 80, plain), /stalled$/);
  assert.match(progressLine({ ...half, bytes: 8_400_000 }, 80, plain), /━ {2}100 %.* 0 s left$/);
  assert.match(progressLine({ ...half, bytesPerSecond: 1000 }, 80, plain), / 1 h 10 min left$/);
});

test("the line is always shorter than the terminal is wide", () => {
  const state = fc.record(
    {
      name: fc.string({ unit: "grapheme" }),
      bytes: fc.maxSafeNat(),
      size: fc.maxSafeNat(),
      bytesPerSecond: fc.double({ min: 0, max: 1e12, noNaN: true }),
    },
    { requiredKeys: ["name", "bytes", "bytesPerSecond"] },
  );
  fc.assert(
    fc.property(state, fc.integer({ min: 10, max: 200 }), (given, columns) => {
      const line = progressLine(given, columns, plain);
      assert.ok([...line].length < columns, `${columns}: ${line}`);
      assert.doesNotMatch(line, /\p{C}/u);
    }),
  );
});

test("bytes, rates and durations are short and never show a thousand of a unit", () => {
  const bytes = [0, 1, 512, 999, 1000, 8_400_000, 999_499, 999_500, 123_456_789_012, 99_949];
  assert.deepEqual(bytes.map(bytesText), [
    ...["0 bytes", "1 byte", "512 bytes", "999 bytes", "1.0 kB", "8.4 MB", "999 kB", "1.0 MB"],
    ...["123 GB", "99.9 kB"],
  ]);
  assert.equal(rateText(7e6), "7.0 MB/s");
  assert.deepEqual(
    [0.41, 12, 999.6, 1200, 59_960, 65_000, 3_599_600, 3_720_000].map(durationText),
    [...["0.4 ms", "12 ms", "1.0 s", "1.2 s", "1 min 0 s", "1 min 5 s", "1 h 0 min", "1 h 2 min"]],
  );
});

test("sizes are read with the suffixes of 1024, and nothing else", () => {
  assert.deepEqual(["0", "512", "1K", "10M", "1g", "2000000000000"].map(parseBytes), [
    ...[0, 512, 1024, 10 * 1024 ** 2, 1024 ** 3, 2e12],
  ]);
  assert.deepEqual(
    ["", "M", "-1", "1.5M", "10MB", "1e9", "99999T", "9007199254740993"].filter(
      (x) => parseBytes(x) !== undefined,
    ),
    [],
  );
});

test("on a terminal the bar is drawn, cleared, and followed by one line", async (t) => {
  if (spawnSync("script", ["--version"]).status !== 0) return t.skip("there is no script(1)");
  const { url } = await libraryServer(
    t,
    generated(() => ({ body: slowly(), size: 1_200_000 })),
  );
  const cwd = await folder(t);
  const command = `'${process.execPath}' '${script}' get ${url}/x`;
  const screen = await onTerminal(command, cwd);
  assert.match(screen, /x {2}\x1b\[32m━+\x1b\[39m/);
  assert.match(screen, /\r\x1b\[2K\x1b\[1mx\x1b\[22m {2}1\.2 MB in \S+ \S+ \(.*\/s\)\r\n/);
  assert.doesNotMatch(await onTerminal(`${command} --quiet`, cwd), /━|MB/);
  assert.doesNotMatch(await onTerminal(`NO_COLOR=1 ${command}`, cwd), /\x1b\[\d+m/);
});

/** Long enough for the bar to appear. */
async function* slowly(): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < 3; count += 1) {
    yield new Uint8Array(400_000);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function onTerminal(command: string, cwd: string): Promise<string> {
  const { NO_COLOR: _colour, ...rest } = process.env;
  const env = { ...rest, TERM: "xterm" };
  const child = spawn("script", ["-qec", command, "/dev/null"], { cwd, env });
  child.stdin.end();
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [status] = await once(child, "close");
  assert.equal(status, 0);
  return Buffer.concat(chunks).toString();
}
