// What a process and all its descendants cost: processor time and memory. A process that ignores
// the death of its children (in.tftpd) loses their time in /proc, so a control group of the
// kernel counts it where one can be made, for every server alike; else /proc does.

import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

const ticksPerSecond = 100; // USER_HZ, which is 100 on every Linux that Node runs on

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended since
  }
}

/** Of the living. */
export function childrenOf(pid) {
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean);
}

/** A control group of version 2 for one server; it counts and limits nothing. */
export class ControlGroup {
  static #made = 0;

  /** Undefined where none can be made: not root, or no such file system. */
  static make() {
    const roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    const root = roots.find((folder) => existsSync(join(folder, "cgroup.controllers")));
    if (!root) return undefined;
    const path = join(root, `tidewire-bench-${process.pid}-${++ControlGroup.#made}`);
    try {
      mkdirSync(path);
      return new ControlGroup(path);
    } catch {
      return undefined;
    }
  }

  constructor(path) {
    this.path = path;
  }

  cpuSeconds() {
    const microseconds = /^usage_usec (\d+)/m.exec(read(join(this.path, "cpu.stat")))?.[1];
    return Number(microseconds ?? 0) / 1e6;
  }

  /** The processes in it now: all of them were started for this server. */
  pids() {
    return read(join(this.path, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
  }

  /** False while a process of it still lives. */
  remove() {
    try {
      rmdirSync(this.path);
      return true;
    } catch {
      return !existsSync(this.path);
    }
  }
}

/** Seconds of processor time of the process, its threads, and its children, ended or not. */
export function cpuSeconds(pid) {
  const stat = read(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold spaces. utime, stime, cutime, cstime are fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const own = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const seconds = Number.isNaN(own) ? 0 : own / ticksPerSecond;
  return childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), seconds);
}

/** Bytes that are resident now: all of the process, and what its children share with nobody. */
export function residentBytes(pid) {
  const own = kilobytes(pid, "VmRSS");
  return 1024 * childrenOf(pid).reduce((sum, child) => sum + kilobytes(child, "RssAnon"), own);
}

/** The most that was ever resident of the process itself, children left out. */
export function peakBytes(pid) {
  return 1024 * kilobytes(pid, "VmHWM");
}

function kilobytes(pid, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}
