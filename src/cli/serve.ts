// `tidewire serve`: checks the folder, serves it, logs, and closes in good order at a signal.

import type { Command } from "commander";
import { type Server, serve, type TftpError } from "../index.ts";
import { type Audience, audienceFor } from "./audience.ts";
import { endEarlySignals } from "./early-signals.ts";
import { tellFailure } from "./failure.ts";
import { handOverAtSignal } from "./hand-over.ts";
import { heritage, isHeir } from "./heritage.ts";
import { clearLeftovers } from "./leftovers.ts";
import { type Plan, planFor } from "./plan.ts";
import { settle } from "./privileges.ts";
import { beat } from "./pulse.ts";
import { reloadOnChange } from "./reloading.ts";
import { tellAtSignal } from "./running.ts";
import { addServeOptions, networkOptions, type ServeFlags } from "./serve-options.ts";
import { startText } from "./served.ts";
import { type ServiceNotice, serviceNotice } from "./service-notice.ts";
import { checkFolders, settingsAgain, settingsFor } from "./settings.ts";
import { stopAtSignal } from "./stopping.ts";
import { tuneForServing } from "./tuned.ts";
import { openBeside, withoutFolder } from "./watching.ts";
import {
  answersBroadcasts,
  standAlone,
  tellReloaded,
  tellServing,
  whenReplaced,
  workerNumber,
} from "./worker.ts";
import { isForWorkers, runWorkers } from "./workers.ts";

export function define(command: Command): void {
  addServeOptions(command)
    .addHelpText("after", examples)
    .action((dir: string | undefined, given: ServeFlags) => {
      const found = withoutFolder(given, dir);
      return run({ dir: found.dir, flags: { ...given, ...found.flags } });
    });
}

const examples = `
Examples:
  tidewire serve /srv/tftp --listen 192.0.2.1 --listen [2001:db8::1]
  tidewire serve backups --port 6969 --uploads create --upload-bytes-max 10M`;

/** The folder and the flags of the command line. */
interface Typed {
  readonly dir: string | undefined;
  readonly flags: ServeFlags;
}

async function run(typed: Typed): Promise<void> {
  standAlone();
  const isFirst = workerNumber === undefined && !isHeir();
  const settings = await (isFirst ? settingsFor : settingsAgain)(typed.dir, typed.flags);
  const left = heritage();
  if (isForWorkers(settings.flags, left !== undefined)) return runWorkers(settings.flags);
  tuneForServing();
  const plan = await planFor(settings, left);
  const notice = serviceNotice(process.env, left !== undefined);
  const audience = await audienceFor(plan);
  const { server, pages } = await open(plan, audience);
  // Whoever reads that it is there may end it at once, so the signals are heeded first.
  const signals = heedSignals({ typed, plan, server, audience, notice });
  endEarlySignals();
  announce(plan, server, { audience, pages });
  await left?.begin();
  await notice.ready();
  tellServing();
  beat();
  const ending = new AbortController();
  void signals.closed.then(() => ending.abort());
  for (const folder of plan.effect.written) await clearLeftovers(folder, ending.signal);
  await signals.closed;
  signals.forget();
  await audience.close();
  tellHooks(audience.hooksLeft);
}

/** The process stays for them. */
function tellHooks(left: number): void {
  if (left === 0) return;
  const [what, whom] = left === 1 ? ["1 hook", "it"] : [`${left} hooks`, "them"];
  tell(`Waiting for ${what}; the third signal ends ${whom}, too.`);
}

function tell(line: string): void {
  console.error(line);
}

/** Opens the ports, gives up root, opens the pages; the lines of `pages` say where they are. */
async function open(
  plan: Plan,
  audience: Audience,
): Promise<{ readonly server: Server; readonly pages: readonly string[] }> {
  const { settings, effect, parts, where, left } = plan;
  const { flags } = settings;
  let ready = false;
  const server = await serve({
    storage: parts.storage,
    ...where,
    ...(left ? { handedOver: left.handedOver } : {}),
    singlePort: flags.singlePort ?? false,
    reusePort: workerNumber !== undefined,
    answersBroadcasts,
    ...networkOptions(flags),
    limits: effect.limits,
    ...(audience.watching?.tap ? { tap: audience.watching.tap } : {}),
    // Nothing is done for a client with the rights that are about to go.
    judge: (request) => (ready ? parts.judge(request) : { kind: "ignore" }),
    onEvent: (event) => audience.handleEvent(event),
  });
  audience.attend(server);
  const check = (): Promise<void> => checkFolders(settings);
  audience.runsAs(await settle(server, flags, { listen: where.listen, check }));
  const pages = await openBeside(server, audience.watching);
  ready = true;
  return { server, pages };
}

interface Serving {
  readonly typed: Typed;
  readonly plan: Plan;
  readonly server: Server;
  readonly audience: Audience;
  readonly notice: ServiceNotice;
}

interface Signals {
  /** Resolves when the server is closed. */
  readonly closed: Promise<void>;
  /** Those that mean nothing to a server that is closed. */
  forget(): void;
}

/** HUP reads the configuration again, USR1 tells what runs, TERM and INT end, USR2 hands over. */
function heedSignals({ typed, plan, server, audience, notice }: Serving): Signals {
  const { settings, parts, where, left } = plan;
  const { onProblem, watching } = audience;
  const say = (line: string): void => {
    audience.clear();
    tell(line);
  };
  /** What somebody asked for is told, also where nothing is logged. */
  const onFailed = (error: TftpError): void => {
    onProblem(error);
    if (settings.flags.log === "off") tellFailure(error);
  };
  const noReload = reloadOnChange({
    ...{ server, parts, settings, typed, onProblem: onFailed, onReloaded: say },
    onBegin: () => {
      audience.reopen();
      notice.reloading();
    },
    onEnd: () => {
      void notice.ready();
      tellReloaded();
    },
  });
  tellAtSignal(server, say);
  const onStopping = (): void => {
    handOver.cancel();
    notice.stopping();
    audience.stopping();
  };
  const { closed, drain } = stopAtSignal(server, onStopping);
  whenReplaced(drain);
  const handOver = handOverAtSignal({
    ...{ server, flags: settings.flags, watching, onProblem: onFailed, tell: say },
    activated: where.inherited !== undefined || left?.activated !== undefined,
    onFollowed: () => {
      notice.followed();
      audience.followed();
      drain();
    },
    onLost: () => {
      process.exitCode = 1;
      drain();
    },
  });
  const forget = (): void => {
    noReload();
    handOver.end();
  };
  return { closed, forget };
}

interface FirstWords {
  readonly audience: Audience;
  readonly pages: readonly string[];
}

/** One of several workers speaks for all. */
function announce({ settings, effect }: Plan, { addresses }: Server, words: FirstWords): void {
  const { dir, flags } = settings;
  const { uploads = "off" } = flags;
  const isMountsOnly = uploads === "off" && effect.written.length > 0;
  const isFirst = (workerNumber ?? 1) === 1;
  const start = isFirst ? startText(dir, isMountsOnly ? "mounts" : uploads, addresses) : undefined;
  words.audience.announce(start, words.pages);
}
