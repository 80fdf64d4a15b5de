// A changed configuration for a server that runs: whole or not at all. Transfers that run keep what
// they began with. It must not know what a setting means.

import { type Judge, type Server, type Storage, TftpError } from "../index.ts";
import type { Offer } from "../web/files.ts";
import { checkBeside, isSame } from "./beside.ts";
import { watchFrom } from "./file-watch.ts";
import { type ServeFlags, settingName } from "./serve-options.ts";
import { listenOf } from "./served.ts";
import { type Effect, effectOf, type Settings, settingsAgain } from "./settings.ts";
import { isForWorkers } from "./workers.ts";

/** Takes effect without a restart. Whatever else has changed is named to the operator. */
const live: readonly (keyof ServeFlags)[] = [
  ...(["rule", "uploadNames", "uploads", "uploadDir", "dotFiles", "manifest"] as const),
  ...(["manifestKey", "blksizeMax", "windowsizeMax", "timeout", "retries", "rollover"] as const),
  ...(["transfersMax", "transfersMaxPerClient", "uploadBytesMax"] as const),
];

/** What a server is given once, and what can be exchanged behind it. */
export interface Exchangeable {
  readonly storage: Storage;
  readonly judge: Judge;
  readonly offer: () => Offer;
  exchange(effect: Effect): void;
}

export function exchangeable(first: Effect): Exchangeable {
  let now = first;
  return {
    storage: {
      openRead: (name, request) => now.storage.openRead(name, request),
      readAtHand: (name, request, receipt) => now.storage.readAtHand?.(name, request, receipt),
      openWrite: (name, request) => now.storage.openWrite(name, request),
    },
    judge: (request) => now.judge(request),
    offer: () => now.offer,
    exchange: (effect) => {
      now = effect;
    },
  };
}

export interface Reloaded {
  readonly server: Server;
  readonly parts: Exchangeable;
  /** Of the start: what needs a restart is still so. */
  readonly settings: Settings;
  /** The folder and the flags of the command line, which win again. */
  readonly typed: { readonly dir: string | undefined; readonly flags: ServeFlags };
  readonly onProblem: (error: TftpError) => void;
  readonly onReloaded: (text: string) => void;
  readonly onBegin: () => void;
  /** Also where it failed. */
  readonly onEnd: () => void;
}

/** At SIGHUP, and when the file changes where that is asked for. Without a file a signal is what it
 * always was: the terminal is gone. The result ends it, but still hears the signal, which would end
 * the process. */
export function reloadOnChange(reloaded: Reloaded): () => void {
  const { config } = reloaded.typed.flags;
  if (config === undefined) return () => {};
  let over = false;
  let turn = Promise.resolve();
  const again = (): void => {
    turn = turn.then(() => (over ? undefined : reload(reloaded)));
  };
  process.on("SIGHUP", again);
  const { flags, identity = "" } = reloaded.settings;
  const unwatch = flags.watchConfig ? watchFrom(config, identity, again) : () => {};
  return () => {
    over = true;
    unwatch();
  };
}

async function reload(reloaded: Reloaded): Promise<void> {
  const { typed, settings, server, parts, onProblem, onReloaded, onBegin, onEnd } = reloaded;
  onBegin();
  try {
    const next = await settingsAgain(typed.dir, typed.flags);
    const effect = await effectOf(next);
    await checkNextStart(settings, next);
    server.setLimits(effect.limits);
    parts.exchange(effect);
    onReloaded(textOf(typed.flags.config as string, settings, next));
  } catch (thrown) {
    const { code, message, hint } = TftpError.from(thrown, "the configuration cannot be read");
    const kept = `nothing is changed, ${message}`;
    onProblem(new TftpError(code, kept, { ...(hint ? { hint } : {}), cause: thrown }));
  } finally {
    onEnd();
  }
}

/** What waits for a restart must not end it. Throws TftpError. */
async function checkNextStart({ flags: runs }: Settings, { flags }: Settings): Promise<void> {
  isForWorkers(flags);
  listenOf(flags);
  await checkBeside(flags, runs);
}

function textOf(file: string, { flags: runs }: Settings, { flags: after }: Settings): string {
  const keys = [...new Set([...Object.keys(runs), ...Object.keys(after)])] as (keyof ServeFlags)[];
  const waiting = keys
    .filter((key) => !live.includes(key))
    .filter((key) => !isSame(runs[key], after[key]))
    .map(settingName);
  const rest = waiting.length === 0 ? "" : ` Needs a restart to change: ${waiting.join(", ")}.`;
  return `Read ${file} again; what runs ends as it began.${rest}`;
}
