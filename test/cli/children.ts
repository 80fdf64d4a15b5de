// The processes that a process has started, on Linux.

import { readFileSync } from "node:fs";

export function childrenOf(pid: number | undefined): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
  return text.trim().split(" ").filter(Boolean).map(Number);
}
