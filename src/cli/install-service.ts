// `tidewire install-service`: the systemd units of this very installation, printed or written.

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { TftpError } from "../index.ts";
import { isExecutable, ownFile } from "../web/own-files.ts";
import { namePath } from "./local-file.ts";
import { wrongUsage, wrongValue } from "./options.ts";
import { parseListen } from "./served.ts";

interface InstallFlags {
  readonly config: string;
  readonly write?: string;
  readonly socket?: readonly string[];
}

interface Unit {
  readonly name: string;
  readonly text: string;
}

export function define(command: Command): void {
  command
    .option("--config <FILE>", "the configuration file that it reads", "/etc/tidewire.toml")
    .option(
      "--socket <ADDR[:PORT]>",
      "repeatable; systemd opens this address, as tidewire.socket says",
      (address: string, before: readonly string[] = []) => added(listenAddress(address), before),
    )
    .option("--write <DIR>", "write the units there instead of printing them")
    .addHelpText("after", examples)
    .action(run);
}

const examples = `
Examples:
  tidewire install-service
  tidewire install-service --write /etc/systemd/system
  tidewire install-service --socket 192.0.2.1 --socket [2001:db8::1]:69`;

async function run({ config, write, socket }: InstallFlags): Promise<void> {
  // In a script: a variable that nobody has set.
  if (config === "") throw wrongValue("--config", config, "Name the configuration file.");
  if (write === "") throw wrongValue("--write", write, "Name a folder, or . for here.");
  const service = serviceFor(ownFile("packaging/tidewire.service").toString(), resolve(config));
  const units = socket ? withSocket(service, socket) : [{ name: serviceName, text: service }];
  if (write !== undefined) {
    await writeUnits(units, write);
    tellNext(units, resolve(config));
  } else if (units.length === 1) process.stdout.write(service);
  else process.stdout.write(units.map(({ name, text }) => `# ${name}\n${text}`).join("\n"));
}

const serviceName = "tidewire.service";
const socketName = "tidewire.socket";

async function writeUnits(units: readonly Unit[], folder: string): Promise<void> {
  const paths = units.map(({ name }) => join(folder, name));
  // One without the other would be half a service.
  const present = paths.find((path) => existsSync(path));
  if (present !== undefined) throw alreadyThere(present);
  for (const { name, text } of units) {
    const path = join(folder, name);
    // What an administrator has changed is not ours to lose.
    await writeFile(path, text, { flag: "wx" }).catch((thrown: NodeJS.ErrnoException) => {
      throw thrown.code === "EEXIST" ? alreadyThere(path) : namePath(thrown, path, "write");
    });
    console.log(`Wrote ${path}.`);
  }
}

function tellNext(units: readonly Unit[], config: string): void {
  if (!existsSync(config)) {
    console.log(`First write ${config}; this is enough: dir = "/srv/tftp"`);
  }
  const names = units.length === 1 ? "tidewire" : `${socketName} ${serviceName}`;
  console.log(`Now: systemctl daemon-reload && systemctl enable --now ${names}`);
  if (units.length > 1) console.log("The configuration then names no listen and no port.");
}

function alreadyThere(path: string): TftpError {
  const unit = path.endsWith(socketName) ? socketName : "tidewire";
  const hint = `Remove it, or change it by \`systemctl edit ${unit}\`.`;
  return new TftpError("STORAGE", `${path} is there already`, { hint });
}

/** The service then needs no right at all, and does not start without its sockets. */
function withSocket(service: string, addresses: readonly string[]): readonly Unit[] {
  const text = service
    .replace(/^(Wants=.*)$/m, `$1\nRequires=${socketName}\nAfter=${socketName}`)
    .replace(/^# An account that.*$/m, "# An account that exists while it runs, without any right.")
    .replace(/^(AmbientCapabilities|CapabilityBoundingSet)=.*$/gm, "$1=");
  const lines = addresses.map((address) => `ListenDatagram=${address}`).join("\n");
  const socket = ownFile("packaging/tidewire.socket").toString();
  return [
    { name: serviceName, text },
    { name: socketName, text: socket.replace(/^ListenDatagram=.*$/m, () => lines) },
  ];
}

function added(address: string, before: readonly string[]): readonly string[] {
  if (!before.includes(address)) return [...before, address];
  throw wrongUsage(`--socket names ${address} twice`, "Leave one of them out.");
}

/** As systemd writes it. Throws TftpError INVALID_ARGUMENT. */
function listenAddress(text: string): string {
  const { host, port } = parseListen(text, 69, "--socket");
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function serviceFor(template: string, config: string): string {
  const script = fileURLToPath(new URL("../../../bin/tidewire.js", import.meta.url));
  const program = isExecutable ? [process.execPath] : [process.execPath, script];
  const words = [...program, "serve", "--config", config].map(quoted);
  return template.replace(/^ExecStart=.*$/m, () => `ExecStart=${words.join(" ")}`);
}

/** As systemd reads a word: `%` and `$` mean something, blanks separate. */
function quoted(word: string): string {
  const text = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
