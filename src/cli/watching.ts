// What `tidewire serve` shows of itself beside the log: the page, metrics, captures. Each is loaded
// when it is asked for; without any of them nothing is seen of packets and nothing is slower.

import { readFile } from "node:fs/promises";
import type { Server as HttpServer } from "node:http";
import { isIP } from "node:net";
import type { Command } from "commander";
import {
  type Address,
  type PacketTap,
  type Server,
  type ServerEvent,
  TftpError,
} from "../index.ts";
import type { PageUpload } from "../web/files.ts";
import { systemCode } from "./failure.ts";
import { wrongUsage, wrongValue } from "./options.ts";
import type { Exchangeable } from "./reloading.ts";
import { isLoopback } from "./served.ts";
import { workerNumber } from "./worker.ts";

export interface WatchFlags {
  readonly web?: string | true;
  readonly webPasswordFile?: string;
  readonly webName?: readonly string[];
  readonly metrics?: string;
  readonly capture?: readonly string[];
}

const webAddress: Address = { host: "127.0.0.1", port: 8069 };
const recorderBytesMax = 64 * 1024 * 1024;
const wholeBytesMax = 256 * 1024 * 1024;

export function addWatchOptions(command: Command): Command {
  return command
    .option(
      "--web [ADDR:PORT]",
      `a page that shows what happens (default: ${webAddress.host}:${webAddress.port})`,
    )
    .option("--web-password-file <FILE>", "ask for the password in this file, under any user name")
    .option(
      "--web-name <NAME>",
      "repeatable; a host name that the page answers to",
      (name: string, before: readonly string[] = []) => [...before, name.toLowerCase()],
    )
    .option("--metrics <ADDR:PORT>", "/metrics for Prometheus, /healthz and /readyz")
    .option("--capture <WHICH DIR...>", "keep the packets of failures, or all, as pcapng in DIR");
}

export interface WebPlan {
  readonly address: Address;
  readonly password: string | undefined;
  readonly names: readonly string[];
}

export interface Watching {
  readonly tap: PacketTap | undefined;
  handleEvent(event: ServerEvent): void;
  /** Opens what listens; the result is what to say of it. Throws TftpError. */
  open(server: Server): Promise<readonly string[]>;
  /** What listens for HTTP, by the address that was asked for. */
  readonly pages: readonly { readonly asked: Address; readonly server: HttpServer }[];
  stopping(): void;
  /** Somebody else answers from now on; captures go on. */
  closePages(): Promise<void>;
  close(): Promise<void>;
}

export interface Served {
  readonly parts: Exchangeable;
  readonly onProblem: (error: TftpError) => void;
  /** A descriptor that listens on this TCP address already. */
  readonly pageAt?: ((address: Address) => number | undefined) | undefined;
  readonly onUpload: (upload: PageUpload) => void;
}

/** Undefined where nothing of it is wanted. Throws TftpError. */
export async function watchingFor(
  flags: WatchFlags,
  served: Served,
): Promise<Watching | undefined> {
  const { metrics, capture } = flags;
  const web = await webPlan(flags);
  if (!web && metrics === undefined && capture === undefined) return undefined;
  const { watch } = await import("./watch.ts");
  return watch({
    web,
    metrics: metricsAddress(metrics),
    capture: capture && parseCapture(capture),
    worker: workerNumber,
    bytesMax: capture ? wholeBytesMax : recorderBytesMax,
    served,
  });
}

/** Where the page is, and for whom. Undefined where none is wanted. Throws TftpError. */
export async function webPlan(flags: WatchFlags): Promise<WebPlan | undefined> {
  const { web, webName: names = [] } = flags;
  if (web === undefined && names.length > 0) {
    throw wrongUsage("there is no page to give a name", "Add --web.");
  }
  const password = await passwordOf(flags);
  if (web === undefined) return undefined;
  const address = parseWeb(web === true ? "" : web, password);
  requireApart(address, metricsAddress(flags.metrics));
  return { address, password, names };
}

function requireApart(page: Address, metrics: Address | undefined): void {
  if (page.port === 0 || page.port !== metrics?.port || page.host !== metrics.host) return;
  const hint = "Leave --metrics out: the page answers /metrics, too.";
  throw wrongUsage("--web and --metrics have the same address", hint);
}

/** What can be told of the words alone. Throws TftpError INVALID_ARGUMENT. */
export function checkWatchFlags({ web, metrics, capture }: WatchFlags): void {
  if (typeof web === "string" && web !== "") parseAddress("--web", web, webAddress.port);
  metricsAddress(metrics);
  if (capture !== undefined) parseCapture(capture);
}

/** Throws TftpError INVALID_ARGUMENT. */
export function metricsAddress(metrics: string | undefined): Address | undefined {
  return metrics === undefined ? undefined : parseAddress("--metrics", metrics, 9069);
}

/** A server without the page that was asked for would not be what was asked for. */
export async function openBeside(
  server: Server,
  watching: Watching | undefined,
): Promise<readonly string[]> {
  try {
    return (await watching?.open(server)) ?? [];
  } catch (thrown) {
    await server.close();
    await watching?.close();
    throw thrown;
  }
}

/** What the command line means by `--web /srv/tftp` and `--capture all CAPTURES /srv/tftp`: the
 * folder to serve stands where it could be taken for more of the option. */
export function withoutFolder(
  flags: WatchFlags,
  dir: string | undefined,
): { readonly flags: WatchFlags; readonly dir: string | undefined } {
  const { web, capture } = flags;
  if (dir !== undefined) return { flags, dir };
  if (capture?.length === 3) {
    return { flags: { ...flags, capture: capture.slice(0, 2) }, dir: capture[2] };
  }
  const isFolder = typeof web === "string" && (/[/\\]/.test(web) || !/[:.\d]/.test(web));
  return isFolder ? { flags: { ...flags, web: true }, dir: web } : { flags, dir };
}

function parseCapture(words: readonly string[]): { which: "failures" | "all"; folder: string } {
  const [which, folder] = words;
  if (words.length === 2 && folder && (which === "failures" || which === "all")) {
    return { which, folder };
  }
  throw wrongValue(
    "--capture",
    words.join(" "),
    "Write --capture failures DIR, or --capture all DIR.",
  );
}

function parseWeb(text: string, password: string | undefined): Address {
  const address = text === "" ? webAddress : parseAddress("--web", text, webAddress.port);
  if (isLoopback(address.host) || password !== undefined) return address;
  throw wrongUsage(
    `the page would be open to everybody who reaches ${address.host}`,
    "Set a password with --web-password-file FILE, or listen on 127.0.0.1.",
  );
}

/** An address, a port of the loopback address, or both. Throws TftpError INVALID_ARGUMENT. */
function parseAddress(option: string, text: string, defaultPort: number): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  const isPort = /^\d{1,5}$/.test(text);
  const named = isIP(text) === 6 ? text : (match?.[1] ?? match?.[2] ?? "");
  const host = isPort || named === "" ? webAddress.host : named;
  const port = Number(isPort ? text : (match?.[3] ?? defaultPort));
  if (isIP(host) !== 0 && (match || isIP(text) === 6) && text !== "" && port <= 65_535) {
    return { host, port };
  }
  throw wrongValue(option, text, `Give an IP address and a port, as ${webAddress.host}:8069.`);
}

async function passwordOf({ web, webPasswordFile }: WatchFlags): Promise<string | undefined> {
  if (webPasswordFile === undefined) return undefined;
  if (web === undefined) throw wrongUsage("there is no page to protect", "Add --web.");
  const text = await readPassword(webPasswordFile);
  const [password = ""] = text.replace(/^\ufeff/, "").split(/\r?\n/, 1);
  // What is not UTF-8 was read as this character, and so would be what a browser sends.
  if (password.includes("\ufffd")) {
    throw wrongUsage(`the password in ${webPasswordFile} is not UTF-8`, "Save it as UTF-8 text.");
  }
  if (password !== "") return password;
  throw wrongUsage(`${webPasswordFile} begins with an empty line`, "Write the password there.");
}

async function readPassword(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const code = systemCode(cause);
    const message = `the password in ${path} cannot be read (${code})`;
    const isForbidden = code === "EACCES" || code === "EPERM";
    const hint = isForbidden ? "This account must be able to read it." : "Check the path.";
    throw new TftpError("INVALID_ARGUMENT", message, { hint, cause });
  }
}
