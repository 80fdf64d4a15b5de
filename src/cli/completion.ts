// `tidewire completion SHELL`: a script for that shell, made from the option table.

import { Argument, type Command } from "commander";
import { commandTable } from "./command-table.ts";
import { bashScript, fishScript, zshScript } from "./completion-scripts.ts";

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
const shells = Object.keys(scripts);

export function define(command: Command): void {
  command
    .addArgument(new Argument("<SHELL>", "the shell").choices(shells))
    .addHelpText("after", examples)
    .action(run);
}

const examples = `
Examples:
  tidewire completion bash > /etc/bash_completion.d/tidewire
  tidewire completion fish > ~/.config/fish/completions/tidewire.fish`;

async function run(shell: keyof typeof scripts): Promise<void> {
  process.stdout.write(scripts[shell](await commandTable()));
}
