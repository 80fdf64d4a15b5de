// The bars below the log of a server: they follow what runs, and never mix with its lines.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveLines } from "../../src/cli/live-lines.ts";
import { plain } from "../../src/cli/paint.ts";
import type { TransferInfo } from "../../src/index.ts";

const client = { host: "192.0.2.7", port: 2000 };

function transferOf(id: number): TransferInfo {
  return {
    ...{ id, op: "rrq", filename: `file-${id}`, mode: "octet", options: true, startedAt: 0 },
    ...{ client, local: client, blksize: 512, windowsize: 1, bytes: 500_000, size: 1_000_000 },
    ...{ durationMillis: 100, resent: 0, duplicates: 0 },
  };
}

/** What a terminal of this height shows after all that was written to it. */
class Screen {
  readonly isTTY = true;
  readonly columns = 100;
  readonly rows = 24;
  #lines: string[] = [""];
  #row = 0;

  write(text: string): void {
    for (const [part, up] of text.matchAll(/\x1b\[(\d+)A|\x1b\[J|\r|\n|[^\x1b\r\n]+/g)) {
      if (up !== undefined) this.#row -= Number(up);
      else if (part === "\x1b[J") this.#lines = [...this.#lines.slice(0, this.#row), ""];
      else if (part === "\n") this.#lines[(this.#row += 1)] ??= "";
      else if (part !== "\r") this.#lines[this.#row] = part;
    }
  }

  get shown(): string[] {
    return this.#lines;
  }
}

test("each running transfer has a bar, and log lines stand above them", () => {
  const screen = new Screen();
  let running = [transferOf(1), transferOf(2)];
  const live = new LiveLines(screen, plain, () => running);
  live.write("first line");
  live.draw();
  live.draw();
  assert.equal(screen.shown.length, 3);
  assert.match(screen.shown[1]!, /^192\.0\.2\.7 get file-1 .*50 % .*500 kB of 1\.0 MB/);
  live.write("second line");
  assert.deepEqual(screen.shown.slice(0, 2), ["first line", "second line"]);
  assert.match(screen.shown[3]!, /file-2/);
  running = [];
  live.draw();
  assert.deepEqual(screen.shown, ["first line", "second line", ""]);
});

test("many transfers do not fill the screen", () => {
  const screen = new Screen();
  const running = Array.from({ length: 300 }, (_, id) => transferOf(id));
  const live = new LiveLines(screen, plain, () => running);
  live.draw();
  assert.equal(screen.shown.length, 8);
  assert.equal(screen.shown[0], "and 293 more");
  live.clear();
  assert.deepEqual(screen.shown, [""]);
});
