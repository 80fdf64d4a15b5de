// What `serve` opens beside its sockets, looked at without opening it: so that `check` and a reload
// find what the next start would refuse.

import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "./failure.ts";
import { wrongUsage } from "./options.ts";
import { checkAccount } from "./privileges.ts";
import type { ServeFlags } from "./serve-options.ts";
import { checkFolder } from "./served.ts";
import { webPlan } from "./watching.ts";

const checks: readonly (readonly [
  keys: readonly (keyof ServeFlags)[],
  check: (flags: ServeFlags) => unknown,
])[] = [
  [["audit"], checkAudit],
  [["capture"], checkCaptures],
  [["web", "webPasswordFile", "webName", "metrics"], webPlan],
  [["user"], checkAccount],
];

/** Throws TftpError. `runs`: of a server that is there. What is the same works, or was told; and
 * who started it may have had rights that are given up, so what is forbidden is passed over. */
export async function checkBeside(flags: ServeFlags, runs?: ServeFlags): Promise<void> {
  for (const [keys, check] of checks) {
    if (runs && keys.every((key) => isSame(runs[key], flags[key]))) continue;
    try {
      await check(flags);
    } catch (thrown) {
      if (!runs || !["EACCES", "EPERM"].includes(systemCode(thrown) ?? "")) throw thrown;
    }
  }
}

/** Of two values of a setting. */
export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function checkAudit({ audit }: ServeFlags): Promise<void> {
  if (audit === undefined) return;
  const found = await stat(audit).catch(() => undefined);
  if (found?.isDirectory())
    throw wrongUsage(`the audit ${audit} is a folder`, "Name a file in it.");
  if (!found) await checkFolder(dirname(audit));
}

/** The server makes the folder where there is none. */
async function checkCaptures({ capture: [, folder] = [] }: ServeFlags): Promise<void> {
  if (folder === undefined) return;
  const found = await stat(folder).catch(() => undefined);
  if (!found || found.isDirectory()) return;
  throw wrongUsage(
    `${folder} is not a folder to keep captures in`,
    "Name a folder for the captures.",
  );
}
