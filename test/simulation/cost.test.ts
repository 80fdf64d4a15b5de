// What our machines and others cost by loss, reordering and window, as a committed table: any
// change of protocol behaviour shows as a difference of numbers.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { costOf, rows, windows } from "./cost-table.ts";
import { ForeignReceiver, type ReceiverHabits } from "./foreign.ts";
import type { Scenario } from "./pair.ts";

const folder = new URL("../../../test/simulation/", import.meta.url);
const snapshot = fileURLToPath(new URL("cost.snapshot", folder));

test("a clean network costs one DATA a block and one ACK a window", () => {
  for (const windowsize of windows) {
    const row = rows.get("clean, latency 1 ms");
    assert.ok(row);
    const { data, acks } = costOf(row, windowsize, { blocks: 640, seeds: 1 });
    assert.equal(data, 1);
    assert.equal(acks, 1 + windowsize / 640, "one for each window and one for the OACK");
  }
});

test("the cost table is the one that was committed", () => {
  const table = render();
  if (process.env.TIDEWIRE_UPDATE_SNAPSHOTS) writeFileSync(snapshot, table);
  const committed = existsSync(snapshot) ? readFileSync(snapshot, "utf8") : "";
  const command =
    "TIDEWIRE_UPDATE_SNAPSHOTS=1 node --test dist/test/simulation/cost.test.js && git diff";
  assert.equal(table, committed, `The cost has changed. Look at the difference with: ${command}`);
});

function render(): string {
  return [
    "Our Sender and Receiver: DATA sent for each block / ACKs for each window / seconds.",
    `${blocks} blocks, mean of ${seeds} runs, virtual time.`,
    "",
    ...ourLines(),
    "",
    "When a Receiver should report a gap, and whether it should keep blocks that came early:",
    "DATA sent for each block / seconds, our Sender and simple Receivers with a timer of 100 ms;",
    "the last line is the product. It reports at the window's end, keeps early blocks, and where",
    "blocks overtake each other it waits half a round trip before it reports.",
    "",
    ...variantLines(),
    "",
  ].join("\n");
}

const blocks = 1000;
const seeds = 2;

function ourLines(): string[] {
  const lines = [line("window", windows.map(String), 22)];
  for (const [name, row] of rows) {
    const cells = windows.map((windowsize) => {
      const { data, acks, seconds } = costOf(row, windowsize, { blocks, seeds });
      return `${data.toFixed(3)} / ${acks.toFixed(2)} / ${seconds.toFixed(1)}`;
    });
    lines.push(line(name, cells, 22));
  }
  return lines;
}

const variants: ReadonlyMap<string, ReceiverHabits | undefined> = new Map([
  ["at once, early dropped", { gap: "at once", early: "dropped" }],
  ["at once, early kept", { gap: "at once", early: "kept" }],
  ["at the end, early dropped", { gap: "at the window's end", early: "dropped" }],
  ["at the end, early kept", { gap: "at the window's end", early: "kept" }],
  ["the product", undefined],
]);

const variantRows = ["loss 1 %", "jitter 2 ms", "jitter 2 ms, loss 1 %", "10 ms a block, loss 1 %"];

function variantLines(): string[] {
  const lines: string[] = [];
  for (const name of variantRows) {
    const row = rows.get(name);
    assert.ok(row);
    lines.push(line(name, windows.map(String), 16));
    for (const [variant, habits] of variants) {
      const cells = windows.map((windowsize) => {
        const change = habits && receiver(habits, windowsize);
        const { data, seconds } = costOf(row, windowsize, { blocks, seeds, ...change });
        return `${data.toFixed(2)} / ${seconds.toFixed(1)}`;
      });
      lines.push(line(`  ${variant}`, cells, 16));
    }
  }
  return lines;
}

function receiver(habits: ReceiverHabits, windowsize: number) {
  const setup = { file: { blocks, lastBytes: 3 }, windowsize, timeoutMillis: 100 };
  const change = (): Partial<Scenario> => ({ foreignReceiver: new ForeignReceiver(setup, habits) });
  return { change };
}

function line(name: string, cells: readonly string[], width: number): string {
  return [name.padEnd(32), ...cells.map((cell) => cell.padEnd(width))].join("").trimEnd();
}
