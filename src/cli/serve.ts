// `tidewire serve`: checks the folder, serves it, logs, and closes in good order at a signal.

import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { resolve } from "node:path";
import type { Command } from "commander";
import {
  type Address,
  defaultLimits,
  directory,
  type Limits,
  type PortRange,
  type ServeOptions,
  type Server,
  type ServerEvent,
  serve,
  TftpError,
} from "../index.ts";
import { systemCode } from "./failure.ts";
import { type LogForm, serverLog } from "./log.ts";
import {
  bytesOption,
  choiceOption,
  numberOption,
  retriesOption,
  rolloverOption,
  timeoutOption,
  wrongValue,
} from "./options.ts";
import { painter } from "./paint.ts";
import { tidPortsOption } from "./tid-ports.ts";
import { visible } from "./visible.ts";

interface ServeFlags {
  readonly listen?: readonly string[];
  readonly port?: number;
  readonly uploads?: "off" | "create" | "overwrite";
  readonly dotFiles?: boolean;
  readonly blksizeMax?: number;
  readonly windowsizeMax?: number;
  /** In seconds. */
  readonly timeout?: number;
  readonly retries?: number;
  readonly transfersMax?: number;
  readonly transfersMaxPerClient?: number;
  readonly uploadBytesMax?: number;
  readonly rollover?: 0 | 1;
  readonly singlePort?: boolean;
  readonly tidPorts?: PortRange;
  readonly fragments?: boolean;
  readonly dscp?: number;
  readonly log?: LogForm;
  readonly verbose?: boolean;
}

export function define(command: Command): void {
  const { blksizeMax, windowsizeMax, transfersMax, transfersMaxPerClient } = defaultLimits;
  command
    .argument("[DIR]", "the folder to serve (default: the current one)")
    .option(
      "--listen <ADDR[:PORT]>",
      "repeatable; IPv6 as [::1]:69 (default: all addresses)",
      (address: string, before: readonly string[] = []) => [...before, address],
    )
    .addOption(
      numberOption("--port <N>", "UDP port, 0 for any free one (default: 69)", [0, 65_535]),
    )
    .option("--single-port", "answer from the port that was asked, for firewalls and NAT")
    .addOption(tidPortsOption())
    .option("--fragments", "agree to blocks larger than a packet of the interface")
    .addOption(numberOption("--dscp <N>", "IP precedence of all answers (Linux)", [0, 63]))
    .addOption(
      choiceOption("--uploads <POLICY>", "off, create or overwrite (default: off)", [
        "off",
        "create",
        "overwrite",
      ]),
    )
    .option("--dot-files", "serve names that begin with a dot, too")
    .addOption(
      numberOption("--blksize-max <N>", `largest block (default: ${blksizeMax})`, [8, 65_464]),
    )
    .addOption(
      numberOption(
        "--windowsize-max <N>",
        `largest window (default: ${windowsizeMax})`,
        [1, 65_535],
      ),
    )
    .addOption(timeoutOption())
    .addOption(retriesOption())
    .addOption(
      numberOption("--transfers-max <N>", `transfers at once (default: ${transfersMax})`, [1, 1e6]),
    )
    .addOption(
      numberOption(
        "--transfers-max-per-client <N>",
        `the same for one address (default: ${transfersMaxPerClient})`,
        [1, 1e6],
      ),
    )
    .addOption(bytesOption("--upload-bytes-max <N>", "largest upload, such as 10M or 1G"))
    .addOption(rolloverOption())
    .addOption(
      choiceOption("--log <FORM>", "pretty, json or off (default: pretty)", [
        "pretty",
        "json",
        "off",
      ]),
    )
    .option("--verbose", "also log how transfers begin, and stray packets")
    .addHelpText("after", examples)
    .action((dir: string | undefined, flags: ServeFlags) => run(dir ?? ".", flags));
}

const examples = `
Examples:
  tidewire serve /srv/tftp --listen 192.0.2.1 --listen [2001:db8::1]
  tidewire serve backups --port 6969 --uploads create --upload-bytes-max 10M`;

async function run(dir: string, flags: ServeFlags): Promise<void> {
  const { port = 69, uploads = "off", log: form = "pretty" } = flags;
  const listen = flags.listen?.map((text) => parseListen(text, port));
  await checkFolder(dir);
  const log = serverLog({
    form,
    verbose: flags.verbose ?? false,
    paint: painter(process.stdout),
    write: lineWriter(),
  });
  let announced = form === "json";
  const server = await serve({
    storage: directory(dir, { uploads, dotFiles: flags.dotFiles ?? false }),
    ...(listen ? { listen } : { port }),
    singlePort: flags.singlePort ?? false,
    ...networkOptions(flags),
    limits: limitsOf(flags),
    // The first addresses are told by the lines below; later ones, as they come.
    onEvent: (event: ServerEvent) => {
      if (announced || event.kind !== "listening") log(event);
    },
  });
  // Whoever reads that it is there may end it at once.
  const closed = closedBySignal(server);
  if (!announced) console.log(startText(dir, uploads, server.addresses));
  announced = true;
  await closed;
}

/** `:6969` alone stands for no address that could be named: --port does that for all of them.
 * Throws TftpError INVALID_ARGUMENT. */
export function parseListen(text: string, defaultPort: number): Address {
  const hint = "Give an IP address as 192.0.2.1, 192.0.2.1:6969 or [2001:db8::1]:6969.";
  const portAlone = /^[*]?:(\d+)$/.exec(text)?.[1];
  if (portAlone) {
    throw wrongValue("--listen", text, `Use --port ${portAlone} to listen on every address.`);
  }
  if (isIP(text) !== 0) return { host: text, port: defaultPort };
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const [, inBrackets, bare = "", portText] = parts ?? [];
  const host = inBrackets ?? bare;
  if (isIP(host) !== (inBrackets === undefined ? 4 : 6)) throw wrongValue("--listen", text, hint);
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port > 65_535) throw wrongValue("--listen", text, "A port is a number up to 65535.");
  return { host, port };
}

/** Throws TftpError. */
async function checkFolder(dir: string): Promise<void> {
  try {
    const found = await stat(dir);
    if (!found.isDirectory()) {
      throw new TftpError("STORAGE", `${dir} is a file, not a folder`, {
        hint: "Name the folder that holds what is to be served.",
      });
    }
    await access(dir, constants.R_OK | constants.X_OK);
  } catch (thrown) {
    if (thrown instanceof TftpError) throw thrown;
    const code = systemCode(thrown);
    const gone = code === "ENOENT" || code === "ENOTDIR";
    throw new TftpError(
      "STORAGE",
      gone ? `the folder ${dir} does not exist` : `the folder ${dir} cannot be read (${code})`,
      { hint: gone ? "Create it, or name another one." : "Check its permissions.", cause: thrown },
    );
  }
}

function networkOptions({ tidPorts, fragments, dscp }: ServeFlags): Partial<ServeOptions> {
  return {
    ...(tidPorts === undefined ? {} : { tidPorts }),
    ...(fragments === undefined ? {} : { fragments }),
    ...(dscp === undefined ? {} : { dscp }),
  };
}

function limitsOf(flags: ServeFlags): Partial<Limits> {
  const { timeout, ...rest } = flags;
  const names = [
    "blksizeMax",
    "windowsizeMax",
    "retries",
    "transfersMax",
    "transfersMaxPerClient",
    "uploadBytesMax",
    "rollover",
  ] as const;
  const given = names.filter((name) => rest[name] !== undefined).map((name) => [name, rest[name]]);
  return {
    ...Object.fromEntries(given),
    ...(timeout === undefined ? {} : { timeoutMillis: timeout * 1000 }),
  };
}

const addressesShown = 6;

export function startText(
  dir: string,
  uploads: NonNullable<ServeFlags["uploads"]>,
  addresses: readonly Address[],
): string {
  const policy = {
    off: "read-only",
    create: "uploads may create files",
    overwrite: "uploads may create and replace files",
  }[uploads];
  const ports = new Set(addresses.map(({ port }) => port));
  const onePort = ports.size === 1;
  const shown = addresses.slice(0, addressesShown).map(({ host, port }) => {
    return onePort ? host : `${host} port ${port}`;
  });
  const more = addresses.length - shown.length;
  const where = shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
  const port = onePort ? `UDP port ${[...ports][0]} of ` : "";
  return `Serving ${visible(resolve(dir))}, ${policy}.\nListening on ${port}${where}.`;
}

/** A log that nobody can take any more must not end the server. */
function lineWriter(): (line: string) => void {
  let broken = false;
  process.stdout.on("error", (error: Error) => {
    if (!broken) console.error(`tidewire: the log cannot be written (${systemCode(error)}).`);
    broken = true;
  });
  return (line) => {
    if (!broken) process.stdout.write(`${line}\n`);
  };
}

export const graceMillis: number = 5000;

/** Resolves when the server is closed. The first signal lets transfers finish for a while, the
 * second ends them with an ERROR to their clients, the third ends the process. */
function closedBySignal(server: Server): Promise<void> {
  const signals = ["SIGINT", "SIGTERM"] as const;
  let count = 0;
  return new Promise<void>((closed) => {
    const stop = (): void => {
      count += 1;
      const running = server.snapshot().length;
      if (count === 1 && running > 0) {
        const what = running === 1 ? "1 transfer" : `${running} transfers`;
        console.error(
          `Stopping: ${what} may go on for ${graceMillis / 1000} s; once more ends at once.`,
        );
      }
      if (count > 2) process.exit();
      void server.close({ graceMillis: count === 1 ? graceMillis : 0 }).then(closed);
    };
    for (const signal of signals) process.on(signal, stop);
  });
}
