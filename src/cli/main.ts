// The command `tidewire`: finds the command that is meant, loads it and nothing else, and turns
// what goes wrong into a sentence and an exit status: 0 done, 1 it failed, 2 wrong usage.

import { readFileSync } from "node:fs";
import type { Command } from "commander";

interface Loaded {
  /** Adds arguments, options, help and action. */
  define(command: Command): void;
}

const commands: readonly (readonly [name: string, summary: string, load: () => Promise<Loaded>])[] =
  [
    ["serve", "serve a folder to TFTP clients", () => import("./serve.ts")],
    ["check", "check a configuration file", () => import("./check.ts")],
    ["install-service", "print a systemd unit", () => import("./install-service.ts")],
    ["get", "fetch files from a server", () => import("./get.ts")],
    ["put", "bring files to a server", () => import("./put.ts")],
  ];

/** Sets the exit status of the process; throws nothing. */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that leaves early (`| head`) is no failure of ours; who must know of it listens too.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  process.on("uncaughtException", (thrown) => void fail(thrown).then(() => process.exit()));
  try {
    if (args[0] === "--version") console.log(version());
    else await run(args);
  } catch (thrown) {
    await fail(thrown);
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { Command } = await import("commander");
  const program = new Command("tidewire")
    .description("TFTP server and client.")
    .usage("COMMAND [options]")
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      optionTerm: (option) => option.flags.replace(/[<>]/g, ""),
      styleTitle: bold,
    })
    .configureOutput({ outputError: () => {}, writeErr: () => {} })
    .exitOverride()
    .addHelpText("after", programExamples);
  for (const [name, summary, load] of commands) {
    const command = program
      .command(name)
      .description(`${capital(summary)}.`)
      .summary(summary);
    command.helpOption("-h, --help", "show this help");
    if (args.includes(name)) (await load()).define(command);
  }
  await program.parseAsync(args, { from: "user" });
}

const programExamples = `
Examples:
  tidewire serve /srv/tftp                     every address, UDP port 69, read-only
  tidewire get tftp://192.0.2.1/boot/vmlinuz   into the current folder

tidewire COMMAND --help tells the options of a command.`;

async function fail(thrown: unknown): Promise<void> {
  const { exitStatus, tellFailure } = await import("./failure.ts");
  process.exitCode = exitStatus(thrown);
  tellFailure(thrown);
}

/** Commander leaves the escape sequences out where they do not belong. */
function bold(text: string): string {
  return `\x1b[1m${text}\x1b[22m`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function version(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return JSON.parse(text).version;
}
