// The command line as a whole: which commands there are, and how its help looks.
// It must not know what they do.

import { Command } from "commander";

interface Loaded {
  /** Adds arguments, options, help and action. */
  define(command: Command): void;
}

const commands: readonly (readonly [name: string, summary: string, load: () => Promise<Loaded>])[] =
  [
    ["serve", "serve a folder to TFTP clients", () => import("./serve.ts")],
    ["check", "check a configuration file", () => import("./check.ts")],
    ["install-service", "print a systemd unit", () => import("./install-service.ts")],
    ["completion", "print completions for a shell", () => import("./completion.ts")],
    ["get", "fetch files from a server", () => import("./get.ts")],
    ["put", "send files to a server", () => import("./put.ts")],
  ];

/** Every command by name and summary; only those that are wanted are loaded. */
export async function programFor(isWanted: (name: string) => boolean): Promise<Command> {
  const program = new Command("tidewire")
    .description("TFTP server and client.")
    .usage("COMMAND [options]")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      optionTerm: (option) => withoutBrackets(option.flags),
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
    if (isWanted(name)) (await load()).define(command);
    command.usage(withoutBrackets(command.usage()));
  }
  return program;
}

const programExamples = `
Examples:
  tidewire serve /srv/tftp                     every address, UDP port 69, read-only
  tidewire get tftp://192.0.2.1/boot/vmlinuz   into the current folder

tidewire COMMAND --help lists the options of a command.`;

/** The flags of an option as a person reads them. */
export function withoutBrackets(flags: string): string {
  return flags.replace(/[<>]/g, "");
}

/** Commander leaves the escape sequences out where they do not belong. */
function bold(text: string): string {
  return `\x1b[1m${text}\x1b[22m`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
