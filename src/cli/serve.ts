// `tidewire serve`: checks the folder, serves it, logs, and closes in good order at a signal.

import type { Command } from "commander";
import {
  defaultLimits,
  inheritedSockets,
  type ServeOptions,
  type Server,
  type ServerEvent,
  serve,
  type TftpError,
  type TransferInfo,
} from "../index.ts";
import type { Audit } from "./audit.ts";
import { refuseEarlySignals } from "./early-signals.ts";
import { handOverAtSignal } from "./hand-over.ts";
import { type Heritage, heritage } from "./heritage.ts";
import { hooksFor } from "./hooks.ts";
import { clearLeftovers } from "./leftovers.ts";
import { loggingFor } from "./logging.ts";
import { wrongUsage } from "./options.ts";
import { type Account, explainLostRight, settle } from "./privileges.ts";
import { exchangeable, type Reloaded, reloadOnChange } from "./reloading.ts";
import { tellAtSignal } from "./running.ts";
import { addServeOptions, networkOptions, type ServeFlags } from "./serve-options.ts";
import { parseListen, startText } from "./served.ts";
import { serviceNotice } from "./service-notice.ts";
import { checkFolders, effectOf, settingsFor } from "./settings.ts";
import { stopAtSignal } from "./stopping.ts";
import { tuneForServing } from "./tuned.ts";
import { openBeside, watchingFor, withoutFolder } from "./watching.ts";
import { tellServing, workerNumber } from "./worker.ts";
import { isForWorkers, runWorkers } from "./workers.ts";

export function define(command: Command): void {
  addServeOptions(command)
    .addHelpText("after", examples)
    .action((dir: string | undefined, given: ServeFlags) => {
      const found = withoutFolder(given, dir);
      return run(found.dir, { ...given, ...found.flags });
    });
}

const examples = `
Examples:
  tidewire serve /srv/tftp --listen 192.0.2.1 --listen [2001:db8::1]
  tidewire serve backups --port 6969 --uploads create --upload-bytes-max 10M`;

async function run(typedDir: string | undefined, typed: ServeFlags): Promise<void> {
  const settings = await settingsFor(typedDir, typed);
  const { dir, flags } = settings;
  const left = heritage();
  if (isForWorkers(flags, left !== undefined)) return runWorkers(flags);
  tuneForServing();
  const tell = (line: string): void => console.error(line);
  const heeded = refuseEarlySignals(tell);
  const { uploads = "off", dotFiles = false, log: form = "pretty" } = flags;
  const { listen, ...where } = whereToListen(flags, left);
  const effect = await effectOf(settings);
  const parts = exchangeable(effect);
  const notice = serviceNotice(process.env, left !== undefined);
  let server: Server | undefined;
  let isFollowed = false;
  const running = (): readonly TransferInfo[] => (isFollowed ? [] : (server?.snapshot() ?? []));
  const { log, clear } = await loggingFor(flags, running);
  const { storage } = parts;
  const onProblem = (error: TftpError): void => log({ kind: "problem", error });
  const hooks = hooksFor(flags, onProblem);
  const audit = await auditFor(flags, onProblem);
  const watching = await watchingFor(flags, {
    ...{ dir, storage, dotFiles, uploads, onProblem },
    ...(audit ? { onUpload: (upload) => audit.handlePageUpload(upload) } : {}),
    uploadBytesMax: flags.uploadBytesMax ?? defaultLimits.uploadBytesMax,
    pageAt: (address) => left?.pageAt(address),
  });
  let announced = form === "json";
  let account: Account | undefined;
  let ready = false;
  server = await serve({
    storage,
    ...where,
    ...(listen ? { listen } : {}),
    ...(left ? { handedOver: left.handedOver } : {}),
    singlePort: flags.singlePort ?? false,
    reusePort: workerNumber !== undefined,
    ...networkOptions(flags),
    limits: effect.limits,
    ...(watching?.tap ? { tap: watching.tap } : {}),
    // Nothing is done for a client with the rights that are about to go.
    judge: (request) => (ready ? parts.judge(request) : { kind: "ignore" }),
    // The first addresses are told by the lines below; later ones, as they come.
    onEvent: (event: ServerEvent) => {
      watching?.handleEvent(event);
      hooks(event);
      audit?.handleEvent(event);
      if (!announced && event.kind === "listening") return;
      log(account ? explainLostRight(event, account) : event);
    },
  });
  account = await settle(server, flags, { listen, check: () => checkFolders(settings) });
  const pages = await openBeside(server, watching);
  ready = true;
  const noLonger = followSignals({
    ...{ server, parts, settings, onProblem, typed: { dir: typedDir, flags: typed } },
    onReloaded: tell,
    onBegin: () => {
      clear();
      audit?.reopen();
      notice.reloading();
    },
    onEnd: () => void notice.ready(),
  });
  // Whoever reads that it is there may end it at once.
  const onStopping = (): void => {
    cancel();
    notice.stopping();
    watching?.stopping();
    clear();
  };
  const { closed, drain } = stopAtSignal(server, onStopping, workerNumber !== undefined);
  const cancel = handOverAtSignal({
    ...{ server, flags, watching, onProblem },
    activated: where.inherited !== undefined || left?.activated !== undefined,
    tell,
    onFollowed: () => {
      isFollowed = true;
      notice.followed();
      clear();
      void watching?.closePages();
      drain();
    },
  });
  heeded();
  const lines = account ? [`Root is given up: this runs as ${account.name}.`, ...pages] : pages;
  if (announced) for (const page of pages) console.error(page);
  else if ((workerNumber ?? 1) === 1)
    console.log([startText(dir, uploads, server.addresses), ...lines].join("\n"));
  announced = true;
  await left?.begin();
  await notice.ready();
  tellServing();
  for (const folder of effect.written) await clearLeftovers(folder);
  await closed;
  noLonger();
  log.flush();
  await watching?.close();
}

async function auditFor(
  { audit }: ServeFlags,
  onProblem: (error: TftpError) => void,
): Promise<Audit | undefined> {
  if (audit === undefined) return undefined;
  const { Audit } = await import("./audit.ts");
  return new Audit(audit, onProblem);
}

function followSignals(reloaded: Reloaded): () => void {
  const ends = [
    reloadOnChange(reloaded),
    tellAtSignal(reloaded.server, (line) => console.error(line)),
  ];
  return () => {
    for (const end of ends) end();
  };
}

function whereToListen(
  flags: ServeFlags,
  left: Heritage | undefined,
): Pick<ServeOptions, "inherited" | "listen" | "port"> {
  const { port = 69 } = flags;
  if (left?.activated) return { listen: left.activated };
  const listen = flags.listen?.map((text) => parseListen(text, port));
  const inherited = inheritedSockets();
  if (inherited.length > 0 && (flags.listen ?? flags.port) !== undefined) throw bothGiven();
  if (inherited.length > 0) return { inherited };
  return listen ? { listen } : { port };
}

function bothGiven(): TftpError {
  const hint = "Name the addresses in the systemd socket unit alone.";
  return wrongUsage("the sockets are handed over (LISTEN_FDS), so --listen cannot name any", hint);
}
