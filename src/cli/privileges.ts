// Whose rights the server has. Started as root it opens its port and then becomes somebody else for
// good; root it stays only when told to, or when nobody beyond this machine can reach it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { type Address, type Server, type ServerEvent, TftpError } from "../index.ts";
import { systemCode } from "./failure.ts";
import { wrongUsage, wrongValue } from "./options.ts";
import { isLoopback } from "./served.ts";

export interface PrivilegeFlags {
  readonly user?: string;
  readonly allowRoot?: boolean;
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** False for a number that no account has: then the group is all there is. */
  readonly known: boolean;
}

export function addPrivilegeOptions(command: Command): void {
  command
    .option("--user <NAME[:GROUP]>", "give up root for this account once the port is open")
    .option("--allow-root", "stay root");
}

/** Throws TftpError INVALID_ARGUMENT where nobody has the name. */
export function checkAccount({ user }: PrivilegeFlags): void {
  if (user !== undefined) accountNamed(user);
}

/** Becomes whom the flags say, and checks that it can serve as that account; returns it, or nothing
 * where it stays who it is. `listen`: undefined for every address. The server is open, so that what
 * is wrong with its addresses is told first; it is closed where this throws TftpError. */
export async function settle(
  server: Server,
  flags: PrivilegeFlags,
  where: { readonly listen: readonly Address[] | undefined; readonly check: () => Promise<void> },
): Promise<Account | undefined> {
  let account: Account | undefined;
  try {
    account = accountFor(flags, where.listen);
    if (!account) return undefined;
    become(account);
    await where.check();
    return account;
  } catch (thrown) {
    await server.close();
    if (!account || systemCode(thrown) !== "EACCES" || !(thrown instanceof TftpError)) throw thrown;
    const hint = `${account.name} must be able to read it; --user names another account.`;
    throw new TftpError(thrown.code, thrown.message, { hint, cause: thrown.cause });
  }
}

function accountFor(
  flags: PrivilegeFlags,
  listen: readonly Address[] | undefined,
): Account | undefined {
  const own = process.geteuid?.();
  if (own !== 0) {
    if (flags.user === undefined) return undefined;
    const account = accountNamed(flags.user);
    if (account.uid === own && account.gid === process.getegid?.()) return undefined;
    throw wrongUsage(
      `only root can become ${flags.user}`,
      "Start it as root, or leave --user out: it needs no rights but to its port and folder.",
    );
  }
  if (flags.allowRoot) return undefined;
  if (flags.user !== undefined) return accountNamed(flags.user);
  const invoker = behindSudo();
  if (invoker) return invoker;
  if (listen?.every(({ host }) => isLoopback(host))) return undefined;
  throw wrongUsage(
    "this would serve the network as root",
    "Add --user NAME to give root up once the port is open, or --allow-root to stay root.",
  );
}

/** For good: there is no way back. Throws TftpError when the system does not let go of root. */
export function become(account: Account): void {
  const { name, uid, gid, known } = account;
  try {
    if (known) groups.initgroups?.(name, gid);
    else process.setgroups?.([gid]);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } catch (cause) {
    throw cannotBecome(name, cause);
  }
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()];
  const left = ids.join() === [uid, uid, gid, gid].join();
  if (!left || canRegainRoot()) throw cannotBecome(name);
}

/** A port below 1024 on an address that comes later needs the right that was given up. */
export function explainLostRight(event: ServerEvent, account: Account): ServerEvent {
  if (event.kind !== "problem" || systemCode(event.error) !== "EACCES") return event;
  const { code, message, cause } = event.error;
  const hint =
    `Root was given up for ${account.name}: start it again to listen there too, ` +
    "or start it without root and with CAP_NET_BIND_SERVICE.";
  return { kind: "problem", error: new TftpError(code, message, { hint, cause }) };
}

/** The types of Node leave it out. */
const groups = process as { initgroups?: (user: string, extraGroup: number) => void };

function canRegainRoot(): boolean {
  const ways = [() => process.setuid?.(0), () => process.seteuid?.(0)];
  return ways.some((way) => {
    try {
      way();
      return true;
    } catch {
      return false;
    }
  });
}

/** Who ran sudo owns the folder, as a rule. */
function behindSudo(): Account | undefined {
  const { SUDO_UID, SUDO_GID, SUDO_USER = "" } = process.env;
  const [uid, gid] = [Number(SUDO_UID), Number(SUDO_GID)];
  if (!(uid > 0 && gid > 0)) return undefined;
  return { name: SUDO_USER || String(uid), uid, gid, known: SUDO_USER !== "" };
}

/** `NAME`, `NAME:GROUP` or numbers in their place. Throws TftpError INVALID_ARGUMENT. */
function accountNamed(text: string): Account {
  const [user = "", group] = text.split(":");
  const found = lookUp("passwd", user);
  const number = /^\d{1,10}$/.test(user) ? Number(user) : undefined;
  const uid = found ? Number(found[2]) : number;
  const gid = group === undefined ? Number(found?.[3] ?? Number.NaN) : groupNamed(text, group);
  if (uid === undefined || !Number.isSafeInteger(gid)) {
    if (number !== undefined) throw wrongValue("--user", text, "Give a group too: 1000:1000.");
    const hint = "Check the spelling, or give numbers: 1000:1000.";
    throw wrongUsage(`there is no account ${user} for --user`, hint);
  }
  if (uid === 0) throw wrongValue("--user", text, "That is root; say --allow-root to stay root.");
  return { name: found?.[0] ?? user, uid, gid, known: found !== undefined };
}

function groupNamed(text: string, group: string): number {
  const found = lookUp("group", group)?.[2] ?? (/^\d{1,10}$/.test(group) ? group : undefined);
  if (found === undefined) {
    const hint = "Check the spelling, or leave it out: the account's own group is taken then.";
    throw wrongUsage(`there is no group ${group} for --user ${text}`, hint);
  }
  return Number(found);
}

/** The fields of an entry, by name or number. Accounts of a directory service are known to getent
 * alone, where that is installed. */
function lookUp(database: "passwd" | "group", key: string): readonly string[] | undefined {
  const lines = (readText(`/etc/${database}`) + askGetent(database, key)).split("\n");
  const entries = lines.map((line) => line.split(":"));
  return entries.find(([name]) => name === key) ?? entries.find((fields) => fields[2] === key);
}

function readText(path: string): string {
  try {
    return `${readFileSync(path, "utf8")}\n`;
  } catch {
    return "";
  }
}

function askGetent(database: string, key: string): string {
  try {
    const stdio = ["ignore", "pipe", "ignore"] as const;
    return execFileSync("getent", [database, "--", key], { encoding: "utf8", stdio: [...stdio] });
  } catch {
    return "";
  }
}

function cannotBecome(name: string, cause?: unknown): TftpError {
  const message = `cannot give up root for ${name}`;
  const hint = "Start it as that account, with CAP_NET_BIND_SERVICE for port 69.";
  return new TftpError("ACCESS_VIOLATION", message, { hint, ...(cause ? { cause } : {}) });
}
