// What a process prints, awaited while it runs. It ends with the test.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";

export interface Printing {
  /** What it has printed so far. */
  readonly output: () => string;
  /** Resolves when its output matches; fails when it ends before. */
  readonly printed: (pattern: RegExp) => Promise<RegExpMatchArray>;
  readonly ended: Promise<{ readonly status: number | null; readonly signal: string | null }>;
}

/** Collects both of its streams, which must be pipes. */
export function printing(t: TestContext, child: ChildProcess): Printing {
  const ended = once(child, "close").then(([status, signal]) => ({ status, signal }));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  let output = "";
  let over = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
    waiting.clear();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      wake();
    });
  }
  void ended.then(() => {
    over = true;
    wake();
  });
  const printed = async (pattern: RegExp): Promise<RegExpMatchArray> => {
    for (;;) {
      const match = output.match(pattern);
      if (match) return match;
      if (over) assert.fail(`never printed ${pattern}:\n${output}`);
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  };
  return { output: () => output, printed, ended };
}

/** `words`, so many times. Unlike `(words.*){count}` it fails fast. */
export function times(count: number, words: string): RegExp {
  return new RegExp(`(?:(?:(?!${words})[^])*${words}){${count}}`);
}
