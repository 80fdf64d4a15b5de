// Names of uploads that are under way, and whether whoever wrote one can still be at work. The name
// tells the machine, the process and when that began, since process ids are used again.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { temporaryName } from "./name.ts";

/** A new name for a part file of this process. */
export function partName(): string {
  own ??= { machine: machineMark(), start: processStart(process.pid) ?? noStart };
  const random = randomBytes(8).toString("hex");
  return temporaryName(`${own.machine}-${process.pid}-${own.start}-${random}`);
}

export type Owner =
  /** At work as far as can be told. */
  | "alive"
  | "gone"
  /** Of another machine, container or boot, or of an earlier release. */
  | "unknown"
  /** No part file. */
  | "none";

export function ownerOf(name: string): Owner {
  if (earlierPattern.test(name)) return "unknown";
  const [, machine, pid, start] = pattern.exec(name) ?? [];
  if (machine === undefined) return "none";
  if (machine !== machineMark()) return "unknown";
  return isAlive(Number(pid), start as string) ? "alive" : "gone";
}

const pattern = /^\.tidewire-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{16}\.part$/;
const earlierPattern = /^\.tidewire-[0-9a-f]{16}\.part$/;
/** Where the system does not tell when a process began. */
const noStart = "0";

let own: { readonly machine: string; readonly start: string } | undefined;

/** One for each boot and each container: a process id means nothing in another. */
function machineMark(): string {
  const parts = [
    hostname(),
    told(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")),
    told(() => readlinkSync("/proc/self/ns/pid")),
  ];
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 8);
}

function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (thrown) {
    // Without the permission to signal it, it is there all the same.
    if ((thrown as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = processStart(pid);
  return now === undefined || start === noStart || now === start;
}

/** In ticks since the boot: the 22nd field, after a name in parentheses that may hold anything. */
function processStart(pid: number): string | undefined {
  const stat = told(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}

function told(ask: () => string): string {
  try {
    return ask();
  } catch {
    return "";
  }
}
