// What `tidewire serve` is about to do, settled before anything is opened: folders, rules, where it
// listens. It must not know who watches.

import { inheritedSockets, type ServeOptions, type TftpError } from "../index.ts";
import type { Heritage } from "./heritage.ts";
import { wrongUsage } from "./options.ts";
import { type Exchangeable, exchangeable } from "./reloading.ts";
import type { ServeFlags } from "./serve-options.ts";
import { listenOf } from "./served.ts";
import { type Effect, effectOf, type Settings } from "./settings.ts";

export interface Plan {
  readonly settings: Settings;
  readonly effect: Effect;
  /** Of the effect, what a reload exchanges. */
  readonly parts: Exchangeable;
  readonly where: Pick<ServeOptions, "inherited" | "listen" | "port">;
  /** Of the process before this one, if it follows one. */
  readonly left: Heritage | undefined;
}

/** Throws TftpError for what cannot be served. */
export async function planFor(settings: Settings, left: Heritage | undefined): Promise<Plan> {
  const where = whereToListen(settings.flags, left);
  const effect = await effectOf(settings);
  return { settings, effect, parts: exchangeable(effect), where, left };
}

function whereToListen(flags: ServeFlags, left: Heritage | undefined): Plan["where"] {
  if (left?.activated) return { listen: left.activated };
  const listen = listenOf(flags);
  const inherited = inheritedSockets();
  if (inherited.length > 0 && (flags.listen ?? flags.port) !== undefined) throw bothGiven();
  if (inherited.length > 0) return { inherited };
  return listen ? { listen } : { port: flags.port ?? 69 };
}

function bothGiven(): TftpError {
  const hint = "Leave --listen and --port out: the systemd socket unit names the addresses.";
  return wrongUsage("the sockets are handed over (LISTEN_FDS), so none can be named here", hint);
}
